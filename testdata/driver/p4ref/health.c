// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * The health reporter "program". Trouble comes from the debugfs file "trouble";
 * recovery takes it away. Linux 6.1 returns errors of the fmsg functions one by
 * one, later versions keep the first: these few lines always fit.
 */
#include "p4ref.h"

/* A reporter of Linux recovers on its own, but not more often than this (ms). */
#define GRACEFUL_PERIOD	1000

static void describe(struct p4ref *p, struct devlink_fmsg *fmsg)
{
	u64 to_host, to_wire;

	p4ref_port_counts(p, &to_host, &to_wire);
	devlink_fmsg_string_pair_put(fmsg, "running", p->running ? p->running->name : "");
	devlink_fmsg_string_pair_put(fmsg, "stored", p->stored ? p->stored->name : "");
	devlink_fmsg_bool_pair_put(fmsg, "flash_memory", p->mtd);
	devlink_fmsg_u64_pair_put(fmsg, "to_host", to_host);
	devlink_fmsg_u64_pair_put(fmsg, "to_wire", to_wire);
}

static int diagnose(struct devlink_health_reporter *reporter, struct devlink_fmsg *fmsg,
		    struct netlink_ext_ack *extack)
{
	describe(devlink_health_reporter_priv(reporter), fmsg);
	return 0;
}

static int dump(struct devlink_health_reporter *reporter, struct devlink_fmsg *fmsg,
		void *priv_ctx, struct netlink_ext_ack *extack)
{
	struct p4ref *p = devlink_health_reporter_priv(reporter);

	devlink_fmsg_string_pair_put(fmsg, "trouble", p->trouble);
	describe(p, fmsg);
	return 0;
}

static int recover(struct devlink_health_reporter *reporter, void *priv_ctx,
		   struct netlink_ext_ack *extack)
{
	struct p4ref *p = devlink_health_reporter_priv(reporter);

	p->trouble[0] = 0;
	return 0;
}

static const struct devlink_health_reporter_ops reporter_ops = {
	.name = "program",
	.diagnose = diagnose,
	.dump = dump,
	.recover = recover,
};

int p4ref_health_create(struct p4ref *p)
{
	struct devlink_health_reporter *reporter;

	reporter = devl_health_reporter_create(p->devlink, &reporter_ops, GRACEFUL_PERIOD, p);
	if (IS_ERR(reporter))
		return PTR_ERR(reporter);
	p->reporter = reporter;
	return 0;
}

void p4ref_health_destroy(struct p4ref *p)
{
	if (p->reporter)
		devl_health_reporter_destroy(p->reporter);
	p->reporter = NULL;
}

/* Reports trouble. The caller does not hold the instance lock. */
void p4ref_trouble(struct p4ref *p, const char *what)
{
	if (!p->reporter)
		return;
	strscpy(p->trouble, what, sizeof(p->trouble));
	devlink_health_report(p->reporter, what, p);
}
