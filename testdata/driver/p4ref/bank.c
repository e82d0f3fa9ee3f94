// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * The device's flash memory, an MTD: two banks, of which an update writes the
 * one that does not run. A bank's header is written last, so that one that was
 * cut off is not valid. After a reset the device runs the valid bank with the
 * highest sequence number. Without an MTD nothing survives a reset.
 */
#include <linux/crc32.h>
#include <linux/mm.h>

#include "p4ref.h"

#define BANKS		2
#define BANK_MAGIC	0x42344650	/* "PF4B" */

struct bank_header {
	__le32 magic;
	__le32 sequence;
	__le32 size;
	__le32 data_crc;
	__le32 header_crc;
} __packed;

static u32 bank_size(const struct p4ref *p)
{
	return rounddown((u32)min_t(u64, p->mtd->size / BANKS, 1 << 30), p->mtd->erasesize);
}

/* The data begins behind the block that holds the header. */
static loff_t bank_start(const struct p4ref *p, u32 bank)
{
	return (loff_t)bank * bank_size(p);
}

static loff_t data_start(const struct p4ref *p, u32 bank)
{
	return bank_start(p, bank) + p->mtd->erasesize;
}

/* The bank to write next: never the one that runs. */
u32 p4ref_bank_free(struct p4ref *p)
{
	return p->running ? !p->running_bank : 0;
}

int p4ref_bank_erase(struct p4ref *p, u32 bank, size_t size)
{
	struct erase_info erase = {};

	if (!p->mtd)
		return 0;
	if (size > bank_size(p) - min(p->mtd->erasesize, bank_size(p)))
		return -ENOSPC;
	erase.addr = bank_start(p, bank);
	erase.len = p->mtd->erasesize + roundup((u32)size, p->mtd->erasesize);
	return mtd_erase(p->mtd, &erase);
}

static int write_all(struct p4ref *p, loff_t at, const void *data, size_t size)
{
	size_t done;
	int err = mtd_write(p->mtd, at, size, &done, data);

	return err ?: done == size ? 0 : -EIO;
}

static int read_all(struct p4ref *p, loff_t at, void *data, size_t size)
{
	size_t done;
	int err = mtd_read(p->mtd, at, size, &done, data);

	return err ?: done == size ? 0 : -EIO;
}

int p4ref_bank_write(struct p4ref *p, u32 bank, size_t at, const void *data, size_t size)
{
	return p->mtd ? write_all(p, data_start(p, bank) + at, data, size) : 0;
}

static u32 crc(const void *data, size_t size)
{
	return crc32_le(~0, data, size) ^ ~0;
}

static __le32 header_crc(const struct bank_header *h)
{
	return cpu_to_le32(crc(h, offsetof(struct bank_header, header_crc)));
}

/* Makes a bank valid, and the newest. */
int p4ref_bank_seal(struct p4ref *p, u32 bank, const void *data, size_t size)
{
	struct bank_header h = {
		.magic = cpu_to_le32(BANK_MAGIC),
		.sequence = cpu_to_le32(p->sequence + 1),
		.size = cpu_to_le32(size),
		.data_crc = cpu_to_le32(crc(data, size)),
	};
	int err;

	if (!p->mtd)
		return 0;
	h.header_crc = header_crc(&h);
	err = write_all(p, bank_start(p, bank), &h, sizeof(h));
	if (err)
		return err;
	mtd_sync(p->mtd);
	p->sequence++;
	return 0;
}

static struct p4ref_image *read_bank(struct p4ref *p, u32 bank, const struct bank_header *h)
{
	u32 size = le32_to_cpu(h->size);
	struct p4ref_image *image = NULL;
	void *data;

	data = kvmalloc(size, GFP_KERNEL);
	if (!data)
		return NULL;
	if (!read_all(p, data_start(p, bank), data, size) && crc(data, size) == le32_to_cpu(h->data_crc)) {
		image = p4ref_image_new(p->dev, data, size, NULL);
		if (IS_ERR(image))
			image = NULL;
	}
	kvfree(data);
	return image;
}

static bool read_header(struct p4ref *p, u32 bank, struct bank_header *h)
{
	u32 room = bank_size(p) - min(p->mtd->erasesize, bank_size(p));

	return !read_all(p, bank_start(p, bank), h, sizeof(*h)) &&
	       h->magic == cpu_to_le32(BANK_MAGIC) && h->header_crc == header_crc(h) &&
	       h->size && le32_to_cpu(h->size) <= room;
}

/* Power on: what the device runs, and has stored, before anyone loads anything. */
void p4ref_bank_boot(struct p4ref *p)
{
	struct bank_header h;
	u32 bank;

	if (!p->mtd || bank_size(p) <= p->mtd->erasesize)
		return;
	for (bank = 0; bank < BANKS; bank++) {
		struct p4ref_image *image;

		if (!read_header(p, bank, &h) ||
		    (p->stored && le32_to_cpu(h.sequence) < p->sequence))
			continue;
		image = read_bank(p, bank, &h);
		if (!image) {
			dev_warn(p->dev, "bank %u is damaged\n", bank);
			continue;
		}
		p4ref_image_put(p->stored);
		p->stored = image;
		p->bank = bank;
		p->sequence = le32_to_cpu(h.sequence);
	}
	p->running = p4ref_image_get(p->stored);
	p->running_bank = p->bank;
}
