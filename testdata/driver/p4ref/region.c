// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* The region p4-pipeline: the running package's pipeline, byte for byte. */
#include <linux/mm.h>

#include "p4ref.h"

#define MAX_SNAPSHOTS	4

static int snapshot(struct devlink *devlink, const struct devlink_region_ops *ops,
		    struct netlink_ext_ack *extack, u8 **data)
{
	struct p4ref *p = devlink_priv(devlink);

	*data = kvmalloc(p->running->pipeline_size, GFP_KERNEL);
	if (!*data)
		return -ENOMEM;
	memcpy(*data, p->running->pipeline, p->running->pipeline_size);
	return 0;
}

#if P4REF_HAS_REGION_READ
/* The core keeps offset and size within the region. */
static int region_read(struct devlink *devlink, const struct devlink_region_ops *ops,
		       struct netlink_ext_ack *extack, u64 offset, u32 size, u8 *data)
{
	struct p4ref *p = devlink_priv(devlink);

	memcpy(data, p->running->pipeline + offset, size);
	return 0;
}
#endif

static const struct devlink_region_ops region_ops = {
	.name = "p4-pipeline",
	.destructor = kvfree,
	.snapshot = snapshot,
#if P4REF_HAS_REGION_READ
	.read = region_read,
#endif
};

/* An opaque program has no region. */
int p4ref_region_create(struct p4ref *p)
{
	struct devlink_region *region;

	if (!p->running->pipeline_size)
		return 0;
	region = devl_region_create(p->devlink, &region_ops, MAX_SNAPSHOTS, p->running->pipeline_size);
	if (IS_ERR(region))
		return PTR_ERR(region);
	p->region = region;
	return 0;
}

void p4ref_region_destroy(struct p4ref *p)
{
	if (p->region)
		devl_region_destroy(p->region);
	p->region = NULL;
}
