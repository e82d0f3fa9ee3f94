/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What differs between Linux 6.1 and later. A driver in the kernel's own tree
 * has nothing of this.
 */
#ifndef P4REF_COMPAT_H
#define P4REF_COMPAT_H

#include <linux/netdevice.h>
#include <linux/version.h>
#include <net/devlink.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
/* A region can be read without a snapshot. */
#define P4REF_HAS_REGION_READ	1
/* The core puts the driver's name into info. */
#define p4ref_driver_name_put(req)	0
/* Reload is there where its operations are. */
#define p4ref_enable_reload(dl)		do { } while (0)
/* The core finds the netdev of a port, and the port's type with it. */
#define p4ref_set_port(netdev, port)	SET_NETDEV_DEVLINK_PORT(netdev, port)
#define p4ref_port_up(port, netdev)	do { } while (0)
#define p4ref_port_down(port)		do { } while (0)
#else
#define P4REF_HAS_REGION_READ	0
#define p4ref_driver_name_put(req)	devlink_info_driver_name_put(req, KBUILD_MODNAME)
#define p4ref_enable_reload(dl)		devlink_set_features(dl, DEVLINK_F_RELOAD)
#define p4ref_set_port(netdev, port)	do { } while (0)
#define p4ref_port_up(port, netdev)	devlink_port_type_eth_set(port, netdev)
#define p4ref_port_down(port)		devlink_port_type_clear(port)
/* These did not ask for the instance lock yet. */
#define devl_health_reporter_create	devlink_health_reporter_create
#define devl_health_reporter_destroy	devlink_health_reporter_destroy
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define P4REF_REMOVE_TYPE	void
#define P4REF_REMOVE_RESULT
#else
#define P4REF_REMOVE_TYPE	int
#define P4REF_REMOVE_RESULT	0
#endif

#endif
