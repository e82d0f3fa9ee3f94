// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * What can be done to the device from outside, in /sys/kernel/debug/p4ref:
 *
 *   present   0 takes the device away, 1 brings it back as after a reset
 *   trouble   the text is reported by the health reporter
 *   fill      "TABLE COUNT": so many made-up entries are in the table
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "p4ref.h"

#define MAX_TEXT	256

static struct dentry *dir;

/* Copies what was written, without the line's end. */
static int input(const char __user *user, size_t n, char *text)
{
	if (n >= MAX_TEXT)
		return -EINVAL;
	if (copy_from_user(text, user, n))
		return -EFAULT;
	text[n] = 0;
	text[strcspn(text, "\n")] = 0;
	return 0;
}

static ssize_t present_write(struct file *file, const char __user *user, size_t n, loff_t *pos)
{
	char text[MAX_TEXT];
	int err = input(user, n, text);

	if (err)
		return err;
	if (!strcmp(text, "1"))
		err = p4ref_appear();
	else if (!strcmp(text, "0"))
		p4ref_vanish();
	else
		err = -EINVAL;
	return err ?: n;
}

static ssize_t trouble_write(struct file *file, const char __user *user, size_t n, loff_t *pos)
{
	struct p4ref *p;
	char text[MAX_TEXT];
	int err = input(user, n, text);

	if (err)
		return err;
	p = p4ref_device_get();
	if (!p)
		return -ENODEV;
	p4ref_trouble(p, text);
	p4ref_device_put(p);
	return n;
}

static int fill(struct p4ref *p, const char *name, u32 count)
{
	u32 i;

	for (i = 0; p->running && i < le32_to_cpu(p->running->advert->tables); i++) {
		struct p4ref_table *t = &p->running->table[i];

		if (strcmp(t->name, name))
			continue;
		if (count > t->size - min(t->entries, t->size))
			return -ENOSPC;
		t->filled = count;
		return 0;
	}
	return -ENOENT;
}

static ssize_t fill_write(struct file *file, const char __user *user, size_t n, loff_t *pos)
{
	struct p4ref *p;
	char text[MAX_TEXT], *count;
	u32 value;
	int err = input(user, n, text);

	if (err)
		return err;
	count = strrchr(text, ' ');
	if (!count || kstrtou32(count + 1, 0, &value))
		return -EINVAL;
	*count = 0;
	p = p4ref_device_get();
	if (!p)
		return -ENODEV;
	devl_lock(p->devlink);
	err = fill(p, text, value);
	devl_unlock(p->devlink);
	p4ref_device_put(p);
	return err ?: n;
}

static const struct file_operations present_fops = { .owner = THIS_MODULE, .write = present_write };
static const struct file_operations trouble_fops = { .owner = THIS_MODULE, .write = trouble_write };
static const struct file_operations fill_fops = { .owner = THIS_MODULE, .write = fill_write };

void p4ref_debugfs_create(void)
{
	dir = debugfs_create_dir(KBUILD_MODNAME, NULL);
	debugfs_create_file("present", 0200, dir, NULL, &present_fops);
	debugfs_create_file("trouble", 0200, dir, NULL, &trouble_fops);
	debugfs_create_file("fill", 0200, dir, NULL, &fill_fops);
}

void p4ref_debugfs_remove(void)
{
	debugfs_remove_recursive(dir);
}
