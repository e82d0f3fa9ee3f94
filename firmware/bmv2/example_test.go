package bmv2_test

import (
	"fmt"

	"github.com/p4dev/p4dev/firmware/bmv2"
)

func ExampleImport() {
	_, err := bmv2.Import([]byte(`{
		"__meta__": {"version": [2, 23]},
		"headers": [{"name": "ethernet", "id": 0, "header_type": "ethernet_t", "metadata": false}]
	}`))
	fmt.Println(err)
	// Output: bmv2: import program: /headers/0/header_type: unknown name: no header type "ethernet_t"
}

func ExampleImportFile() {
	prog, err := bmv2.ImportFile("../../testdata/p4/l3router.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	table, err := prog.TableByName("ipv4_lpm")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, key := range table.Keys {
		fmt.Println(table.Name, key.Name, key.Kind, key.Width)
	}
	// Output: router_ingress.ipv4_lpm hdr.ipv4.dst_addr lpm 32
}
