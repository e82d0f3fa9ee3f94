/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The device image of the family "p4ref": what the device says of its program,
 * in records of fixed size, as "p4dev pack --advert" writes it. A driver hands
 * it to dpipe and to the resources as it is, and parses no text. The layout is
 * described in docs/formats.md.
 *
 * Numbers are little-endian. The header is followed by the records, in the
 * order of their counts in the header, by the bytes of values and masks, and
 * by the strings. A string is the offset of its first byte among the strings,
 * and ends with a NUL.
 */
#ifndef P4REF_ADVERT_H
#define P4REF_ADVERT_H

#include <linux/types.h>

#define ADVERT_MAGIC	"P4ADVERT"
#define ADVERT_FORMAT	1
#define ADVERT_NONE	0xffffffffU	/* no mask */

#define ADVERT_TABLE_COUNTERS	1	/* flag: entries have counters */

struct advert {
	u8 magic[8];
	__le32 format;
	__le32 size;		/* of everything, in bytes */
	__le32 name;		/* strings: of the program */
	__le32 version;
	__le32 source;		/* the source tag */
	__le32 headers;		/* how many */
	__le32 fields;
	__le32 tables;
	__le32 refs;
	__le32 resources;
	__le32 entries;
	__le32 values;
	__le32 bytes;
	__le32 strings;
} __packed;

struct advert_header {
	__le32 id;
	__le32 name;
	__le32 first_field;
	__le32 fields;
} __packed;

struct advert_field {
	__le32 name;
	__le32 width;		/* bits */
} __packed;

struct advert_table {
	__le32 name;
	__le32 size;		/* entries */
	__le32 resource;	/* id, of which an entry takes one unit; 0: none */
	__le32 flags;
	__le32 first_ref;	/* of the matches; the actions follow them */
	__le32 matches;
	__le32 actions;
	__le32 reserved;
} __packed;

struct advert_ref {
	__le32 header;		/* number of the header among the headers */
	__le32 field;		/* number of the field in it */
} __packed;

struct advert_resource {
	__le32 id;
	__le32 name;
	__le32 parent;		/* id of one before; 0: none */
	__le32 size;		/* entries */
} __packed;

struct advert_entry {		/* of the program itself, sorted by table */
	__le32 table;		/* number of the table among the tables */
	__le32 first_value;	/* of the matches; the actions follow them */
	__le32 matches;
	__le32 actions;
} __packed;

struct advert_value {
	__le32 ref;
	__le32 value;		/* offset among the bytes; big-endian */
	__le32 mask;		/* likewise, or ADVERT_NONE */
	__le32 length;		/* of the value, and of the mask */
} __packed;

#endif
