// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* Flash update: check the package, write it to the free bank, say how far it is. */
#include <linux/delay.h>
#include <linux/firmware.h>
#include <linux/sched/signal.h>

#include "p4ref.h"

#define STEPS	20

/* Sleeps, unless the program that asked for the update is killed. */
static int pause_ms(unsigned int ms)
{
	return ms && msleep_interruptible(ms) ? -EINTR : 0;
}

/* What the knobs do at a point of the update. */
static int misbehave(unsigned int percent, struct netlink_ext_ack *extack)
{
	if (p4ref_knobs.vanish_at && percent >= p4ref_knobs.vanish_at) {
		NL_SET_ERR_MSG_MOD(extack, "the device does not answer any more");
		p4ref_vanish();
		return -ENODEV;
	}
	if (p4ref_knobs.fail_at && percent >= p4ref_knobs.fail_at) {
		NL_SET_ERR_MSG_MOD(extack, "a flash cell cannot be written");
		return -EIO;
	}
	return 0;
}

static int write_image(struct p4ref *p, const struct p4ref_image *image, u32 bank,
		       const char *component, struct netlink_ext_ack *extack)
{
	unsigned int i;
	int err;

	devlink_flash_update_timeout_notify(p->devlink, "Erasing", component, 5);
	err = p4ref_bank_erase(p, bank, image->size);
	if (err) {
		NL_SET_ERR_MSG_MOD(extack, "the flash memory cannot be erased");
		return err;
	}
	for (i = 0; i < STEPS; i++) {
		size_t at = image->size / STEPS * i;
		size_t end = i + 1 < STEPS ? image->size / STEPS * (i + 1) : image->size;

		devlink_flash_update_status_notify(p->devlink, "Flashing", component, at, image->size);
		err = misbehave(i * 100 / STEPS, extack) ?:
		      pause_ms(p4ref_knobs.flash_ms / STEPS) ?:
		      pause_ms(i == STEPS / 2 ? p4ref_knobs.stall_ms : 0) ?:
		      p4ref_bank_write(p, bank, at, image->package + at, end - at);
		if (err)
			return err;
	}
	devlink_flash_update_status_notify(p->devlink, "Flashing", component, image->size, image->size);
	return misbehave(100, extack) ?: p4ref_bank_seal(p, bank, image->package, image->size);
}

/*
 * The core has found the file, read it and checked the component. The instance
 * lock is held for all of the update.
 */
int p4ref_flash_update(struct devlink *devlink, struct devlink_flash_update_params *params,
		       struct netlink_ext_ack *extack)
{
	struct p4ref *p = devlink_priv(devlink);
	struct p4ref_image *image;
	u32 bank;
	int err;

	if (sysfs_streq(p4ref_knobs.refuse, "flash")) {
		NL_SET_ERR_MSG_MOD(extack, "flash updates are refused: parameter refuse");
		return -EPERM;
	}
	devlink_flash_update_status_notify(devlink, "Checking package", params->component, 0, 0);
	image = p4ref_image_new(p->dev, params->fw->data, params->fw->size, extack);
	if (IS_ERR(image))
		return PTR_ERR(image);
	bank = p4ref_bank_free(p);
	err = write_image(p, image, bank, params->component, extack);
	if (err) {
		p4ref_image_put(image);	/* what was stored and what runs stay as they are */
		return err;
	}
	p4ref_image_put(p->stored);
	p->stored = image;
	p->bank = bank;
	devlink_flash_update_status_notify(devlink, "Flashing done", params->component, 0, 0);
	return 0;
}
