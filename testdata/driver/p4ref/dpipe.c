// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* dpipe: the program's headers, its tables, and the entries that they have now. */
#include <linux/slab.h>

#include "p4ref.h"

/* The largest value that is made up, in bytes. */
#define MAX_VALUE	512

static int matches_dump(void *priv, struct sk_buff *skb)
{
	struct p4ref_table *t = priv;
	u32 i;
	int err = 0;

	for (i = 0; i < t->matches && !err; i++)
		err = devlink_dpipe_match_put(skb, &t->image->matches[t->first_match + i]);
	return err;
}

static int actions_dump(void *priv, struct sk_buff *skb)
{
	struct p4ref_table *t = priv;
	u32 i;
	int err = 0;

	for (i = 0; i < t->actions && !err; i++)
		err = devlink_dpipe_action_put(skb, &t->image->actions[t->first_action + i]);
	return err;
}

static u64 size_get(void *priv)
{
	return ((struct p4ref_table *)priv)->size;
}

static int counters_set_update(void *priv, bool enable)
{
	return 0;	/* a device that can save the work of counting does so here */
}

u32 p4ref_table_used(const struct p4ref_table *t)
{
	return t->entries + t->filled;
}

/* Fills in a value of the program: it lies in the image. */
static void image_value(struct p4ref_image *image, u32 index, struct devlink_dpipe_value *v)
{
	const struct advert_value *a = &image->values[index];

	v->value = image->bytes + le32_to_cpu(a->value);
	v->mask = a->mask == cpu_to_le32(ADVERT_NONE) ? NULL : image->bytes + le32_to_cpu(a->mask);
	v->value_size = le32_to_cpu(a->length);
}

static void image_entry(struct p4ref_table *t, u32 index, struct devlink_dpipe_entry *e)
{
	struct p4ref_image *image = t->image;
	const struct advert_entry *a = &image->entries[t->first_entry + index];
	u32 i, first = le32_to_cpu(a->first_value);

	e->match_values_count = min(le32_to_cpu(a->matches), t->matches);
	e->action_values_count = min(le32_to_cpu(a->actions), t->actions);
	for (i = 0; i < e->match_values_count; i++) {
		image_value(image, first + i, &e->match_values[i]);
		e->match_values[i].match = &image->matches[le32_to_cpu(image->values[first + i].ref)];
	}
	first += le32_to_cpu(a->matches);
	for (i = 0; i < e->action_values_count; i++) {
		image_value(image, first + i, &e->action_values[i]);
		e->action_values[i].action = &image->actions[le32_to_cpu(image->values[first + i].ref)];
	}
}

/* Makes up an entry: its number is the value of every field, as far as it fits. */
static void filled_entry(struct p4ref_table *t, u32 index, struct devlink_dpipe_entry *e, u8 *scratch)
{
	u32 i;

	e->match_values_count = t->matches;
	e->action_values_count = 0;
	for (i = 0; i < t->matches; i++) {
		struct devlink_dpipe_match *m = &t->image->matches[t->first_match + i];
		struct devlink_dpipe_value *v = &e->match_values[i];
		u32 n, rest = index;

		v->match = m;
		v->mask = NULL;
		v->value = scratch;
		v->value_size = clamp(DIV_ROUND_UP(m->header->fields[m->field_id].bitwidth, 8), 1U, (u32)MAX_VALUE);
		for (n = v->value_size; n > 0; n--, rest >>= 8)
			scratch[n - 1] = rest;
		scratch += v->value_size;
	}
}

/*
 * Adds the entries to the reply. A message that is full is closed, and the next
 * one prepared, which sends the one before.
 */
static int dump_entries(struct p4ref_table *t, bool counters, struct devlink_dpipe_dump_ctx *ctx,
			struct devlink_dpipe_entry *e, u8 *scratch)
{
	u32 i = 0, in_message, n = p4ref_table_used(t);
	int err;

	do {
		err = devlink_dpipe_entry_ctx_prepare(ctx);
		if (err)
			return err;
		for (in_message = 0; i < n; i++, in_message++) {
			e->index = i;
			e->counter = 0;	/* the pipeline does not run: nothing hits */
			e->counter_valid = counters;
			if (i < t->entries)
				image_entry(t, i, e);
			else
				filled_entry(t, i - t->entries, e, scratch);
			err = devlink_dpipe_entry_ctx_append(ctx, e);
			if (err == -EMSGSIZE && in_message)
				break;
			if (err)
				return err;	/* larger than a message: the core drops the reply */
		}
		err = devlink_dpipe_entry_ctx_close(ctx);
	} while (!err && i < n);
	return err;
}

static int entries_dump(void *priv, bool counters_enabled, struct devlink_dpipe_dump_ctx *ctx)
{
	struct p4ref_table *t = priv;
	struct devlink_dpipe_entry e = {};
	u8 *scratch;
	int err = -ENOMEM;

	e.match_values = kcalloc(t->matches + 1, sizeof(*e.match_values), GFP_KERNEL);
	e.action_values = kcalloc(t->actions + 1, sizeof(*e.action_values), GFP_KERNEL);
	scratch = kmalloc_array(t->matches + 1, MAX_VALUE, GFP_KERNEL);
	if (e.match_values && e.action_values && scratch)
		err = dump_entries(t, counters_enabled, ctx, &e, scratch);
	kfree(scratch);
	kfree(e.action_values);
	kfree(e.match_values);
	return err;
}

/* Not const: Linux 6.1 wants it so. */
static struct devlink_dpipe_table_ops table_ops = {
	.matches_dump = matches_dump,
	.actions_dump = actions_dump,
	.entries_dump = entries_dump,
	.counters_set_update = counters_set_update,
	.size_get = size_get,
};

int p4ref_dpipe_register(struct p4ref *p)
{
	struct p4ref_image *image = p->running;
	u32 i;
	int err;

	devl_dpipe_headers_register(p->devlink, &image->dpipe_headers);
	for (i = 0; i < le32_to_cpu(image->advert->tables); i++) {
		struct p4ref_table *t = &image->table[i];

		/* Counters of tables that have none cannot be switched on. */
		err = devl_dpipe_table_register(p->devlink, t->name, &table_ops, t, !t->has_counters);
		if (!err && t->resource && p->has_resources)
			err = devl_dpipe_table_resource_set(p->devlink, t->name, t->resource, 1);
		if (err)
			return err;
	}
	return 0;
}

/* Harmless for tables that were not registered. */
void p4ref_dpipe_unregister(struct p4ref *p)
{
	u32 i = le32_to_cpu(p->running->advert->tables);

	while (i--)
		devl_dpipe_table_unregister(p->devlink, p->running->table[i].name);
	devl_dpipe_headers_unregister(p->devlink);
}
