// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * A package, taken apart by the kernel's own reader of PLDM firmware packages.
 * What is checked here is what the driver uses: it trusts no offset.
 */
#include <linux/mm.h>
#include <linux/pldmfw.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "p4ref.h"

/* Components of a .p4fw package, docs/formats.md. Images count up from the last. */
#define COMPONENT_PIPELINE	2
#define COMPONENT_FIRST_IMAGE	16

/* The descriptor of a device without PCI identifiers: its driver's name. */
static const char driver_title[] = "p4dev.driver";

#define MAX_ADVERT	(4 << 20)
#define MAX_RECORDS	(64 << 10)	/* of each kind: keeps sums below 2^32 */

struct image_context {
	struct pldmfw pldmfw;
	struct p4ref_image *image;
};

static struct p4ref_image *context_image(struct pldmfw *pldmfw)
{
	return container_of(pldmfw, struct image_context, pldmfw)->image;
}

/* A vendor-defined descriptor has the type and length of its title, the title, and data. */
static bool names_driver(const struct pldmfw_desc_tlv *desc)
{
	const size_t title = sizeof(driver_title) - 1, name = sizeof(KBUILD_MODNAME) - 1;

	return desc->type == PLDM_DESC_ID_VENDOR_DEFINED && desc->size == 2 + title + name &&
	       desc->data[0] == PLDM_STRING_TYPE_ASCII && desc->data[1] == title &&
	       !memcmp(desc->data + 2, driver_title, title) &&
	       !memcmp(desc->data + 2 + title, KBUILD_MODNAME, name);
}

static bool match_record(struct pldmfw *context, struct pldmfw_record *record)
{
	struct pldmfw_desc_tlv *desc;

	/* A driver of PCI devices calls pldmfw_op_pci_match_record() here. */
	list_for_each_entry(desc, &record->descs, entry)
		if (names_driver(desc))
			return true;
	return false;
}

static int send_package_data(struct pldmfw *context, const u8 *data, u16 length)
{
	return 0;	/* p4dev's packages have none */
}

static int send_component_table(struct pldmfw *context, struct pldmfw_component *component,
				u8 transfer_flag)
{
	return 0;	/* a device with firmware of its own may refuse one here */
}

/* Called for the components that are meant for this device, in their order. */
static int flash_component(struct pldmfw *context, struct pldmfw_component *component)
{
	struct p4ref_image *image = context_image(context);

	if (component->identifier == COMPONENT_PIPELINE) {
		image->pipeline = component->component_data;
		image->pipeline_size = component->component_size;
	} else if (component->identifier >= COMPONENT_FIRST_IMAGE && !image->advert_data) {
		image->advert_data = component->component_data;
		image->advert_size = component->component_size;
	}
	return 0;
}

static const struct pldmfw_ops image_ops = {
	.match_record = match_record,
	.send_package_data = send_package_data,
	.send_component_table = send_component_table,
	.flash_component = flash_component,
};

/* Whether count things from first on are among limit things. */
static bool within(__le32 first, __le32 count, u32 limit)
{
	u32 f = le32_to_cpu(first), n = le32_to_cpu(count);

	return f <= limit && n <= limit - f;
}

const char *p4ref_image_string(const struct p4ref_image *image, __le32 offset)
{
	return image->strings + le32_to_cpu(offset);
}

/* Sets the pointers to the records, if they fill the image exactly. */
static bool find_records(struct p4ref_image *image)
{
	const struct advert *a = image->advert;
	size_t at = sizeof(*a);
	u8 *base = (u8 *)a;

#define SECTION(pointer, count)								\
	do {										\
		if (le32_to_cpu(count) > MAX_RECORDS)					\
			return false;							\
		(pointer) = (void *)(base + at);					\
		at += le32_to_cpu(count) * sizeof(*(pointer));				\
	} while (0)

	SECTION(image->headers, a->headers);
	SECTION(image->fields, a->fields);
	SECTION(image->tables, a->tables);
	SECTION(image->refs, a->refs);
	SECTION(image->resources, a->resources);
	SECTION(image->entries, a->entries);
	SECTION(image->values, a->values);
#undef SECTION
	if (le32_to_cpu(a->bytes) > MAX_ADVERT || le32_to_cpu(a->strings) > MAX_ADVERT)
		return false;
	image->bytes = base + at;
	at += le32_to_cpu(a->bytes);
	image->strings = base + at;
	at += le32_to_cpu(a->strings);
	/* The last string has its end here, and with it all others. */
	return at == image->advert_size && a->strings && !base[at - 1];
}

static bool check_names(const struct p4ref_image *image)
{
	const struct advert *a = image->advert;
	u32 i, strings = le32_to_cpu(a->strings);

#define NAMED(offset)	(le32_to_cpu(offset) < strings)
	if (!NAMED(a->name) || !NAMED(a->version) || !NAMED(a->source))
		return false;
	for (i = 0; i < le32_to_cpu(a->headers); i++)
		if (!NAMED(image->headers[i].name) ||
		    !within(image->headers[i].first_field, image->headers[i].fields,
			    le32_to_cpu(a->fields)))
			return false;
	for (i = 0; i < le32_to_cpu(a->fields); i++)
		if (!NAMED(image->fields[i].name))
			return false;
	for (i = 0; i < le32_to_cpu(a->resources); i++)
		if (!NAMED(image->resources[i].name) || !image->resources[i].id)
			return false;
	for (i = 0; i < le32_to_cpu(a->tables); i++)
		if (!NAMED(image->tables[i].name))
			return false;
#undef NAMED
	return true;
}

/* One range of references or values: matches, then actions. */
static bool check_pair(__le32 first, __le32 matches, __le32 actions, __le32 limit)
{
	u32 m = le32_to_cpu(matches), n = le32_to_cpu(actions);

	return m <= MAX_RECORDS && n <= MAX_RECORDS &&
	       within(first, cpu_to_le32(m + n), le32_to_cpu(limit));
}

static bool check_tables(const struct p4ref_image *image)
{
	const struct advert *a = image->advert;
	u32 i, last = 0;

	for (i = 0; i < le32_to_cpu(a->refs); i++) {
		u32 h = le32_to_cpu(image->refs[i].header);

		if (h >= le32_to_cpu(a->headers) ||
		    le32_to_cpu(image->refs[i].field) >= le32_to_cpu(image->headers[h].fields))
			return false;
	}
	for (i = 0; i < le32_to_cpu(a->tables); i++) {
		const struct advert_table *t = &image->tables[i];

		if (!check_pair(t->first_ref, t->matches, t->actions, a->refs))
			return false;
	}
	for (i = 0; i < le32_to_cpu(a->entries); i++) {
		const struct advert_entry *e = &image->entries[i];
		u32 table = le32_to_cpu(e->table);

		if (table >= le32_to_cpu(a->tables) || table < last ||
		    !check_pair(e->first_value, e->matches, e->actions, a->values))
			return false;
		last = table;
	}
	return true;
}

static bool check_values(const struct p4ref_image *image)
{
	const struct advert *a = image->advert;
	u32 i, bytes = le32_to_cpu(a->bytes);

	for (i = 0; i < le32_to_cpu(a->values); i++) {
		const struct advert_value *v = &image->values[i];

		if (le32_to_cpu(v->ref) >= le32_to_cpu(a->refs) || !v->length ||
		    !within(v->value, v->length, bytes) ||
		    (v->mask != cpu_to_le32(ADVERT_NONE) && !within(v->mask, v->length, bytes)))
			return false;
	}
	return true;
}

static bool check_advert(struct p4ref_image *image)
{
	const struct advert *a = image->advert;

	return !memcmp(a->magic, ADVERT_MAGIC, sizeof(a->magic)) &&
	       a->format == cpu_to_le32(ADVERT_FORMAT) &&
	       le32_to_cpu(a->size) == image->advert_size &&
	       find_records(image) && check_names(image) && check_tables(image) &&
	       check_values(image);
}

static void fill_headers(struct p4ref_image *image)
{
	u32 i, j, n = le32_to_cpu(image->advert->headers);

	for (i = 0; i < n; i++) {
		const struct advert_header *h = &image->headers[i];
		struct devlink_dpipe_header *d = &image->dpipe_header[i];
		u32 first = le32_to_cpu(h->first_field);

		d->name = p4ref_image_string(image, h->name);
		d->id = le32_to_cpu(h->id);
		d->fields = image->dpipe_fields + first;
		d->fields_count = le32_to_cpu(h->fields);
		for (j = 0; j < d->fields_count; j++) {
			d->fields[j].name = p4ref_image_string(image, image->fields[first + j].name);
			d->fields[j].id = j;	/* must be the number in the array */
			d->fields[j].bitwidth = le32_to_cpu(image->fields[first + j].width);
		}
		image->dpipe_header_list[i] = d;
	}
	image->dpipe_headers.headers = image->dpipe_header_list;
	image->dpipe_headers.headers_count = n;
}

static void fill_refs(struct p4ref_image *image)
{
	u32 i;

	for (i = 0; i < le32_to_cpu(image->advert->refs); i++) {
		u32 field = le32_to_cpu(image->refs[i].field);
		struct devlink_dpipe_header *header =
			&image->dpipe_header[le32_to_cpu(image->refs[i].header)];

		/* Exact is all that dpipe can say; the region says more. */
		image->matches[i].type = DEVLINK_DPIPE_MATCH_TYPE_FIELD_EXACT;
		image->matches[i].header = header;
		image->matches[i].field_id = field;
		image->actions[i].type = DEVLINK_DPIPE_ACTION_TYPE_FIELD_MODIFY;
		image->actions[i].header = header;
		image->actions[i].field_id = field;
	}
}

static void fill_tables(struct p4ref_image *image)
{
	u32 i, entry = 0, entries = le32_to_cpu(image->advert->entries);

	for (i = 0; i < le32_to_cpu(image->advert->tables); i++) {
		const struct advert_table *a = &image->tables[i];
		struct p4ref_table *t = &image->table[i];

		t->image = image;
		t->name = p4ref_image_string(image, a->name);
		t->size = le32_to_cpu(a->size);
		t->resource = le32_to_cpu(a->resource);
		t->has_counters = le32_to_cpu(a->flags) & ADVERT_TABLE_COUNTERS;
		t->first_match = le32_to_cpu(a->first_ref);
		t->matches = le32_to_cpu(a->matches);
		t->first_action = t->first_match + t->matches;
		t->actions = le32_to_cpu(a->actions);
		t->first_entry = entry;
		while (entry < entries && le32_to_cpu(image->entries[entry].table) == i)
			entry++;
		t->entries = entry - t->first_entry;
	}
}

/* Makes of the image what dpipe wants to be given. */
static int fill_dpipe(struct p4ref_image *image)
{
	const struct advert *a = image->advert;
	u32 headers = le32_to_cpu(a->headers), refs = le32_to_cpu(a->refs);

	image->dpipe_fields = kvcalloc(le32_to_cpu(a->fields) + 1, sizeof(*image->dpipe_fields), GFP_KERNEL);
	image->dpipe_header = kvcalloc(headers + 1, sizeof(*image->dpipe_header), GFP_KERNEL);
	image->dpipe_header_list = kvcalloc(headers + 1, sizeof(*image->dpipe_header_list), GFP_KERNEL);
	image->matches = kvcalloc(refs + 1, sizeof(*image->matches), GFP_KERNEL);
	image->actions = kvcalloc(refs + 1, sizeof(*image->actions), GFP_KERNEL);
	image->table = kvcalloc(le32_to_cpu(a->tables) + 1, sizeof(*image->table), GFP_KERNEL);
	if (!image->dpipe_fields || !image->dpipe_header || !image->dpipe_header_list ||
	    !image->matches || !image->actions || !image->table)
		return -ENOMEM;
	fill_headers(image);
	fill_refs(image);
	fill_tables(image);
	return 0;
}

static int parse(struct p4ref_image *image, struct device *dev, struct netlink_ext_ack *extack)
{
	struct image_context context = {
		.pldmfw = { .ops = &image_ops, .dev = dev },
		.image = image,
	};
	struct firmware fw = { .data = image->package, .size = image->size };
	int err = pldmfw_flash_image(&context.pldmfw, &fw);

	if (err == -ENOENT) {
		NL_SET_ERR_MSG_MOD(extack, "the package is not for this device");
		return err;
	}
	if (err) {
		NL_SET_ERR_MSG_MOD(extack, "not a PLDM firmware package, or a damaged one");
		return err;
	}
	if (image->advert_size < sizeof(struct advert) || image->advert_size > MAX_ADVERT) {
		NL_SET_ERR_MSG_MOD(extack, "the package has no image for this device");
		return -EINVAL;
	}
	image->advert = kvmalloc(image->advert_size, GFP_KERNEL);
	if (!image->advert)
		return -ENOMEM;
	memcpy(image->advert, image->advert_data, image->advert_size);
	if (!check_advert(image)) {
		NL_SET_ERR_MSG_MOD(extack, "the device image is damaged");
		return -EINVAL;
	}
	image->name = p4ref_image_string(image, image->advert->name);
	image->version = p4ref_image_string(image, image->advert->version);
	image->source = p4ref_image_string(image, image->advert->source);
	return fill_dpipe(image);
}

static void image_release(struct kref *ref)
{
	struct p4ref_image *image = container_of(ref, struct p4ref_image, ref);

	kvfree(image->table);
	kvfree(image->actions);
	kvfree(image->matches);
	kvfree(image->dpipe_header_list);
	kvfree(image->dpipe_header);
	kvfree(image->dpipe_fields);
	kvfree(image->advert);
	kvfree(image->package);
	kfree(image);
}

struct p4ref_image *p4ref_image_get(struct p4ref_image *image)
{
	if (image)
		kref_get(&image->ref);
	return image;
}

void p4ref_image_put(struct p4ref_image *image)
{
	if (image)
		kref_put(&image->ref, image_release);
}

/* Copies a package and takes it apart. */
struct p4ref_image *p4ref_image_new(struct device *dev, const void *data, size_t size,
				    struct netlink_ext_ack *extack)
{
	struct p4ref_image *image = kzalloc(sizeof(*image), GFP_KERNEL);
	int err = -ENOMEM;

	if (!image)
		return ERR_PTR(err);
	kref_init(&image->ref);
	image->size = size;
	image->package = kvmalloc(size, GFP_KERNEL);
	if (image->package) {
		memcpy(image->package, data, size);
		err = parse(image, dev, extack);
	}
	if (err) {
		p4ref_image_put(image);
		return ERR_PTR(err);
	}
	return image;
}
