// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Ports. Each has the netdev that the host uses, and one more that stands for
 * what the cable leads to. There is no pipeline here: the device hands every
 * packet from the wire to the host unchanged, as a device with one does with
 * those that it cannot finish.
 */
#include <linux/etherdevice.h>
#include <linux/module.h>

#include "p4ref.h"

static uint ports = 2;
module_param(ports, uint, 0444);
MODULE_PARM_DESC(ports, "number of ports, 1 to 16");

/* What a netdev keeps. Counts are of one writer at a time: the netdev's queue lock. */
struct p4ref_netdev {
	struct net_device *peer;
	u64 sent;
};

static netdev_tx_t start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct p4ref_netdev *priv = netdev_priv(dev);
	unsigned int length = skb->len;

	if (dev_forward_skb(priv->peer, skb) == NET_RX_SUCCESS) {
		priv->sent++;
		dev->stats.tx_packets++;
		dev->stats.tx_bytes += length;
		priv->peer->stats.rx_packets++;
		priv->peer->stats.rx_bytes += length;
	} else {
		dev->stats.tx_dropped++;
	}
	return NETDEV_TX_OK;
}

static const struct net_device_ops netdev_ops = {
	.ndo_start_xmit = start_xmit,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
};

static struct net_device *alloc_netdev_of(struct p4ref *p, const char *name, unsigned int number)
{
	struct net_device *dev = alloc_etherdev(sizeof(struct p4ref_netdev));

	if (!dev)
		return NULL;
	snprintf(dev->name, sizeof(dev->name), "%s%u", name, number);
	dev->netdev_ops = &netdev_ops;
	dev->max_mtu = ETH_MAX_MTU;
	eth_hw_addr_random(dev);
	return dev;
}

static void port_free(struct p4ref_port *port)
{
	if (port->host)
		free_netdev(port->host);
	if (port->wire)
		free_netdev(port->wire);
	port->host = NULL;
	port->wire = NULL;
}

/* Registers the devlink port first: the host's netdev belongs to it. */
static int port_register(struct p4ref *p, struct p4ref_port *port, unsigned int number)
{
	struct devlink_port_attrs attrs = {
		.flavour = DEVLINK_PORT_FLAVOUR_PHYSICAL,
		.phys.port_number = number,
	};
	int err;

	port->host = alloc_netdev_of(p, "p4ref", number);
	port->wire = alloc_netdev_of(p, "p4wire", number);
	if (!port->host || !port->wire) {
		err = -ENOMEM;
		goto free;
	}
	((struct p4ref_netdev *)netdev_priv(port->host))->peer = port->wire;
	((struct p4ref_netdev *)netdev_priv(port->wire))->peer = port->host;
	SET_NETDEV_DEV(port->host, p->dev);
	memset(&port->devlink_port, 0, sizeof(port->devlink_port));
	devlink_port_attrs_set(&port->devlink_port, &attrs);
	err = devl_port_register(p->devlink, &port->devlink_port, number);
	if (err)
		goto free;
	p4ref_set_port(port->host, &port->devlink_port);
	err = register_netdev(port->host);
	if (err)
		goto unregister_port;
	p4ref_port_up(&port->devlink_port, port->host);
	err = register_netdev(port->wire);
	if (err)
		goto unregister_host;
	return 0;

unregister_host:
	p4ref_port_down(&port->devlink_port);
	unregister_netdev(port->host);
unregister_port:
	devl_port_unregister(&port->devlink_port);
free:
	port_free(port);
	return err;
}

static void port_unregister(struct p4ref_port *port)
{
	unregister_netdev(port->wire);
	p4ref_port_down(&port->devlink_port);
	unregister_netdev(port->host);
	devl_port_unregister(&port->devlink_port);
	port_free(port);
}

int p4ref_ports_register(struct p4ref *p)
{
	unsigned int i, n = clamp(ports, 1U, (uint)P4REF_MAX_PORTS);
	int err;

	for (i = 0; i < n; i++) {
		err = port_register(p, &p->port[i], i + 1);	/* P4's port numbers */
		if (err)
			return err;
		p->n_ports++;
	}
	return 0;
}

void p4ref_ports_unregister(struct p4ref *p)
{
	while (p->n_ports)
		port_unregister(&p->port[--p->n_ports]);
}

void p4ref_port_counts(const struct p4ref *p, u64 *to_host, u64 *to_wire)
{
	unsigned int i;

	*to_host = 0;
	*to_wire = 0;
	for (i = 0; i < p->n_ports; i++) {
		*to_host += ((struct p4ref_netdev *)netdev_priv(p->port[i].wire))->sent;
		*to_wire += ((struct p4ref_netdev *)netdev_priv(p->port[i].host))->sent;
	}
}
