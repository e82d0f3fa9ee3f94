// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * p4ref: a devlink driver without hardware, to be read by those who write one
 * for a P4-programmable device, and to prove p4dev against the kernel. See
 * docs/driver.md.
 */
#include <linux/ctype.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

#include "p4ref.h"

struct p4ref_knobs p4ref_knobs = { .flash_ms = 200 };

module_param_string(refuse, p4ref_knobs.refuse, sizeof(p4ref_knobs.refuse), 0644);
MODULE_PARM_DESC(refuse, "what is refused: flash or activate");
module_param_string(source, p4ref_knobs.source, sizeof(p4ref_knobs.source), 0644);
MODULE_PARM_DESC(source, "source tag that is reported in place of the program's");
module_param_string(without, p4ref_knobs.without, sizeof(p4ref_knobs.without), 0644);
MODULE_PARM_DESC(without, "parts that are left out when they would be registered next, separated by commas: "
		 "name, source, dpipe, resources, region, health, reload");
module_param_named(flash_ms, p4ref_knobs.flash_ms, uint, 0644);
MODULE_PARM_DESC(flash_ms, "duration of a flash update, ms");
module_param_named(stall_ms, p4ref_knobs.stall_ms, uint, 0644);
MODULE_PARM_DESC(stall_ms, "pause in the middle of a flash update, ms");
module_param_named(fail_at, p4ref_knobs.fail_at, uint, 0644);
MODULE_PARM_DESC(fail_at, "percent at which a flash update fails");
module_param_named(vanish_at, p4ref_knobs.vanish_at, uint, 0644);
MODULE_PARM_DESC(vanish_at, "percent of a flash update at which the device vanishes");

static char *mtd;
module_param(mtd, charp, 0444);
MODULE_PARM_DESC(mtd, "name of the MTD that is the device's flash memory");

/* The one device; NULL: it is away. */
static struct platform_device *pdev;
static DEFINE_MUTEX(pdev_lock);

bool p4ref_without(const char *part)
{
	const char *at = strstr(p4ref_knobs.without, part);

	return at && !isalnum(at[strlen(part)]);
}

/* ---- info ---- */

static int put_versions(struct devlink_info_req *req, const struct p4ref_image *image, bool running)
{
	int (*put)(struct devlink_info_req *, const char *, const char *) =
		running ? devlink_info_version_running_put : devlink_info_version_stored_put;
	int (*put_ext)(struct devlink_info_req *, const char *, const char *,
		       enum devlink_info_version_type) =
		running ? devlink_info_version_running_put_ext : devlink_info_version_stored_put_ext;
	const char *source = image ? image->source : "";
	char other[sizeof(p4ref_knobs.source)];

	if (image && p4ref_knobs.source[0] && p4ref_knobs.source[0] != '\n') {
		strscpy(other, p4ref_knobs.source, sizeof(other));
		other[strcspn(other, "\n")] = 0;
		source = other;
	}
	/* The type makes fw.app a component, which a flash update may name. */
	return put_ext(req, DEVLINK_INFO_VERSION_GENERIC_FW_APP, image ? image->version : "",
		       DEVLINK_INFO_VERSION_TYPE_COMPONENT) ?:
	       (p4ref_without("name") ? 0 : put(req, "fw.app.name", image ? image->name : "")) ?:
	       (p4ref_without("source") ? 0 : put(req, "fw.app.source", source));
}

static int info_get(struct devlink *devlink, struct devlink_info_req *req,
		    struct netlink_ext_ack *extack)
{
	struct p4ref *p = devlink_priv(devlink);

	return devlink_info_serial_number_put(req, P4REF_SERIAL) ?:
	       devlink_info_version_fixed_put(req, DEVLINK_INFO_VERSION_GENERIC_ASIC_ID, KBUILD_MODNAME) ?:
	       devlink_info_version_fixed_put(req, DEVLINK_INFO_VERSION_GENERIC_ASIC_REV, "1") ?:
	       put_versions(req, p->running, true) ?:
	       put_versions(req, p->stored, false) ?:
	       p4ref_driver_name_put(req);
}

/* ---- what the running program makes the device advertise ---- */

int p4ref_advertise(struct p4ref *p)
{
	int err;

	if (!p->running)
		return 0;
	p->advertised = true;
	p->has_resources = !p4ref_without("resources");
	err = p->has_resources ? p4ref_resources_register(p) : 0;
	if (!err && !p4ref_without("dpipe"))
		err = p4ref_dpipe_register(p);
	if (!err && !p4ref_without("region"))
		err = p4ref_region_create(p);
	if (err)
		p4ref_unadvertise(p);
	return err;
}

void p4ref_unadvertise(struct p4ref *p)
{
	if (!p->advertised)
		return;
	p4ref_region_destroy(p);
	p4ref_dpipe_unregister(p);
	p4ref_resources_unregister(p);
	p->advertised = false;
}

/* ---- reload ---- */

static int reload_down(struct devlink *devlink, bool netns_change, enum devlink_reload_action action,
		       enum devlink_reload_limit limit, struct netlink_ext_ack *extack)
{
	struct p4ref *p = devlink_priv(devlink);

	if (netns_change) {
		NL_SET_ERR_MSG_MOD(extack, "the ports stay in their network namespace");
		return -EOPNOTSUPP;
	}
	if (action == DEVLINK_RELOAD_ACTION_FW_ACTIVATE && sysfs_streq(p4ref_knobs.refuse, "activate")) {
		NL_SET_ERR_MSG_MOD(extack, "activation is refused: parameter refuse");
		return -EPERM;
	}
	p4ref_unadvertise(p);
	return 0;
}

/*
 * driver_reinit starts the running program anew, fw_activate the stored one.
 * Ports and their netdevs stay in both cases, and what is attached to them:
 * that is why fw_activate needs no reset.
 */
static int reload_up(struct devlink *devlink, enum devlink_reload_action action,
		     enum devlink_reload_limit limit, u32 *actions_performed,
		     struct netlink_ext_ack *extack)
{
	struct p4ref *p = devlink_priv(devlink);

	if (action == DEVLINK_RELOAD_ACTION_FW_ACTIVATE) {
		p4ref_image_put(p->running);
		p->running = p4ref_image_get(p->stored);
		p->running_bank = p->bank;
	}
	*actions_performed = BIT(action);
	return p4ref_advertise(p);
}

static const struct devlink_ops p4ref_ops = {
	.info_get = info_get,
	.flash_update = p4ref_flash_update,
	.reload_actions = BIT(DEVLINK_RELOAD_ACTION_DRIVER_REINIT) |
			  BIT(DEVLINK_RELOAD_ACTION_FW_ACTIVATE),
	.reload_limits = BIT(DEVLINK_RELOAD_LIMIT_NO_RESET),
	.reload_down = reload_down,
	.reload_up = reload_up,
};

/* A device whose program changes with a reset of the machine only. */
static const struct devlink_ops p4ref_ops_without_reload = {
	.info_get = info_get,
	.flash_update = p4ref_flash_update,
};

/* ---- the platform device ---- */

/* Undoes set_up, also one that went only half the way. */
static void tear_down(struct p4ref *p)
{
	p4ref_ports_unregister(p);
	p4ref_health_destroy(p);
	p4ref_unadvertise(p);
	p4ref_image_put(p->running);
	p4ref_image_put(p->stored);
	if (p->mtd)
		put_mtd_device(p->mtd);
}

static int set_up(struct p4ref *p)
{
	if (mtd && *mtd) {
		p->mtd = get_mtd_device_nm(mtd);
		if (IS_ERR(p->mtd)) {
			int err = PTR_ERR(p->mtd);

			p->mtd = NULL;
			return dev_err_probe(p->dev, err, "no MTD %s\n", mtd);
		}
	}
	p4ref_bank_boot(p);
	return p4ref_advertise(p) ?:
	       (p4ref_without("health") ? 0 : p4ref_health_create(p)) ?:
	       p4ref_ports_register(p);
}

static int p4ref_probe(struct platform_device *dev)
{
	bool reload = !p4ref_without("reload");
	struct devlink *devlink;
	struct p4ref *p;
	int err;

	devlink = devlink_alloc(reload ? &p4ref_ops : &p4ref_ops_without_reload, sizeof(*p), &dev->dev);
	if (!devlink)
		return -ENOMEM;
	p = devlink_priv(devlink);
	p->devlink = devlink;
	p->dev = &dev->dev;
	devl_lock(devlink);
	err = set_up(p);
	if (err)
		tear_down(p);
	devl_unlock(devlink);
	if (err) {
		devlink_free(devlink);
		return err;
	}
	if (reload)
		p4ref_enable_reload(devlink);
	platform_set_drvdata(dev, p);
	devlink_register(devlink);	/* last: from here on it is seen */
	return 0;
}

static P4REF_REMOVE_TYPE p4ref_remove(struct platform_device *dev)
{
	struct p4ref *p = platform_get_drvdata(dev);
	struct devlink *devlink = p->devlink;

	devlink_unregister(devlink);	/* first: waits for a flash update */
	devl_lock(devlink);
	tear_down(p);
	devl_unlock(devlink);
	devlink_free(devlink);
	return P4REF_REMOVE_RESULT;
}

static struct platform_driver p4ref_driver = {
	.probe = p4ref_probe,
	.remove = p4ref_remove,
	.driver = { .name = KBUILD_MODNAME },
};

/* ---- coming and going ---- */

static void vanish(struct work_struct *work)
{
	mutex_lock(&pdev_lock);
	if (pdev)
		platform_device_unregister(pdev);
	pdev = NULL;
	mutex_unlock(&pdev_lock);
}

static DECLARE_WORK(vanish_work, vanish);

void p4ref_vanish(void)
{
	schedule_work(&vanish_work);
}

int p4ref_appear(void)
{
	struct platform_device *dev;
	int err = 0;

	flush_work(&vanish_work);
	mutex_lock(&pdev_lock);
	if (!pdev) {
		dev = platform_device_register_simple(KBUILD_MODNAME, PLATFORM_DEVID_NONE, NULL, 0);
		if (IS_ERR(dev))
			err = PTR_ERR(dev);
		else
			pdev = dev;
	}
	mutex_unlock(&pdev_lock);
	return err;
}

/* Keeps the device from going away until p4ref_device_put(). */
struct p4ref *p4ref_device_get(void)
{
	struct p4ref *p = NULL;

	mutex_lock(&pdev_lock);
	if (pdev)
		p = platform_get_drvdata(pdev);
	if (!p)
		mutex_unlock(&pdev_lock);
	return p;
}

void p4ref_device_put(struct p4ref *p)
{
	mutex_unlock(&pdev_lock);
}

static int __init p4ref_init(void)
{
	int err = platform_driver_register(&p4ref_driver);

	if (err)
		return err;
	err = p4ref_appear();
	if (err) {
		platform_driver_unregister(&p4ref_driver);
		return err;
	}
	p4ref_debugfs_create();
	return 0;
}

static void __exit p4ref_exit(void)
{
	p4ref_debugfs_remove();
	p4ref_vanish();
	flush_work(&vanish_work);
	platform_driver_unregister(&p4ref_driver);
}

module_init(p4ref_init);
module_exit(p4ref_exit);
MODULE_LICENSE("GPL");	/* every devlink symbol is for GPL modules */
MODULE_DESCRIPTION("Reference driver for p4dev: a P4-programmable device without hardware");
