/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
#ifndef P4REF_H
#define P4REF_H

#include <linux/kref.h>
#include <linux/mtd/mtd.h>
#include <linux/platform_device.h>
#include <net/devlink.h>

#include "advert.h"
#include "compat.h"

#define P4REF_SERIAL	"P4REF0001"
#define P4REF_MAX_PORTS	16

struct p4ref;
struct p4ref_image;

/* One table of an image as dpipe needs it. */
struct p4ref_table {
	struct p4ref_image *image;
	const char *name;
	u32 size;
	u32 resource;			/* id, 0: none */
	bool has_counters;
	u32 first_match, matches;	/* in image->matches */
	u32 first_action, actions;	/* in image->actions */
	u32 first_entry, entries;	/* those of the program */
	u32 filled;			/* more entries, made up: debugfs file fill */
};

/*
 * A package in the device: taken apart once, when it is flashed or found in the
 * flash memory, and not changed any more but for the filled entries. What runs
 * and what is stored may be one image.
 */
struct p4ref_image {
	struct kref ref;
	u8 *package;			/* the .p4fw file, byte for byte */
	size_t size;
	const u8 *pipeline;		/* component in package; NULL: opaque */
	size_t pipeline_size;
	const u8 *advert_data;		/* component in package, not aligned for sure */
	size_t advert_size;

	struct advert *advert;		/* copy of it, checked */
	const struct advert_header *headers;
	const struct advert_field *fields;
	const struct advert_table *tables;
	const struct advert_ref *refs;
	const struct advert_resource *resources;
	const struct advert_entry *entries;
	const struct advert_value *values;
	u8 *bytes;
	const char *strings;
	const char *name, *version, *source;

	struct devlink_dpipe_field *dpipe_fields;
	struct devlink_dpipe_header *dpipe_header;
	struct devlink_dpipe_header **dpipe_header_list;
	struct devlink_dpipe_headers dpipe_headers;
	struct devlink_dpipe_match *matches;	/* one for each reference */
	struct devlink_dpipe_action *actions;	/* likewise */
	struct p4ref_table *table;
};

struct p4ref_port {
	struct devlink_port devlink_port;
	struct net_device *host;	/* what the operating system uses */
	struct net_device *wire;	/* stands for what the cable leads to */
};

/*
 * The device. All that can change is guarded by the devlink instance lock, which
 * the core holds around every operation.
 */
struct p4ref {
	struct devlink *devlink;
	struct device *dev;
	struct p4ref_image *running;	/* NULL: nothing */
	struct p4ref_image *stored;	/* what runs after a reset or an activation */
	bool advertised;		/* tables, resources and region are registered */
	bool has_resources;		/* likewise, for tables that are linked to them */

	struct mtd_info *mtd;		/* NULL: programs do not survive a reboot */
	u32 bank;			/* of the stored image */
	u32 running_bank;
	u32 sequence;			/* of the stored image */

	struct devlink_region *region;
	struct devlink_health_reporter *reporter;
	char trouble[64];		/* "": none */

	unsigned int n_ports;
	struct p4ref_port port[P4REF_MAX_PORTS];
};

/* How the device misbehaves: module parameters, which may be written at any time. */
struct p4ref_knobs {
	char refuse[16];	/* "flash", "activate": what is refused */
	char source[96];	/* source tag that is reported in place of the program's */
	char without[64];	/* parts that the driver does not have, as a new one lacks them */
	uint flash_ms;		/* duration of a flash update */
	uint stall_ms;		/* pause in the middle of it */
	uint fail_at;		/* percent at which it fails; 0: it does not */
	uint vanish_at;		/* percent at which the device vanishes; 0: it does not */
};

extern struct p4ref_knobs p4ref_knobs;
bool p4ref_without(const char *part);

/* main.c */
void p4ref_vanish(void);		/* takes the device away, soon */
int p4ref_appear(void);
int p4ref_advertise(struct p4ref *p);
void p4ref_unadvertise(struct p4ref *p);

/* image.c */
struct p4ref_image *p4ref_image_new(struct device *dev, const void *data, size_t size,
				    struct netlink_ext_ack *extack);
struct p4ref_image *p4ref_image_get(struct p4ref_image *image);
void p4ref_image_put(struct p4ref_image *image);
const char *p4ref_image_string(const struct p4ref_image *image, __le32 offset);

/* flash.c */
int p4ref_flash_update(struct devlink *devlink, struct devlink_flash_update_params *params,
		       struct netlink_ext_ack *extack);

/* bank.c */
u32 p4ref_bank_free(struct p4ref *p);
int p4ref_bank_erase(struct p4ref *p, u32 bank, size_t size);
int p4ref_bank_write(struct p4ref *p, u32 bank, size_t at, const void *data, size_t size);
int p4ref_bank_seal(struct p4ref *p, u32 bank, const void *data, size_t size);
void p4ref_bank_boot(struct p4ref *p);

/* dpipe.c */
int p4ref_dpipe_register(struct p4ref *p);
void p4ref_dpipe_unregister(struct p4ref *p);
u32 p4ref_table_used(const struct p4ref_table *t);

/* resource.c */
int p4ref_resources_register(struct p4ref *p);
void p4ref_resources_unregister(struct p4ref *p);

/* region.c */
int p4ref_region_create(struct p4ref *p);
void p4ref_region_destroy(struct p4ref *p);

/* health.c */
int p4ref_health_create(struct p4ref *p);
void p4ref_health_destroy(struct p4ref *p);
void p4ref_trouble(struct p4ref *p, const char *what);

/* port.c */
int p4ref_ports_register(struct p4ref *p);
void p4ref_ports_unregister(struct p4ref *p);
void p4ref_port_counts(const struct p4ref *p, u64 *to_host, u64 *to_wire);

/* debugfs.c */
void p4ref_debugfs_create(void);
void p4ref_debugfs_remove(void);
struct p4ref *p4ref_device_get(void);	/* locked; NULL: it is away */
void p4ref_device_put(struct p4ref *p);

#endif
