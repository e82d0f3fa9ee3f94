// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* Resources: how much room a table has, and how much of it is used. */
#include "p4ref.h"

static u64 occupancy(void *priv)
{
	return p4ref_table_used(priv);
}

int p4ref_resources_register(struct p4ref *p)
{
	struct p4ref_image *image = p->running;
	struct devlink_resource_size_params size;
	u32 i;
	int err;

	for (i = 0; i < le32_to_cpu(image->advert->resources); i++) {
		const struct advert_resource *r = &image->resources[i];
		u64 n = le32_to_cpu(r->size);

		devlink_resource_size_params_init(&size, n, n, 1, DEVLINK_RESOURCE_UNIT_ENTRY);
		err = devl_resource_register(p->devlink, p4ref_image_string(image, r->name), n,
					     le32_to_cpu(r->id), le32_to_cpu(r->parent), &size);
		if (err)
			return err;
	}
	for (i = 0; i < le32_to_cpu(image->advert->tables); i++)
		if (image->table[i].resource)
			devl_resource_occ_get_register(p->devlink, image->table[i].resource,
						       occupancy, &image->table[i]);
	return 0;
}

/* Takes away what is registered, all of it, and the occupancies with it. */
void p4ref_resources_unregister(struct p4ref *p)
{
	devl_resources_unregister(p->devlink);
}
