package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/pem"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"

	"github.com/p4dev/p4dev/firmware/pldm"
	"github.com/p4dev/p4dev/testdata/p4"
)

// key writes a private key made of a seed to a file, and returns its line of allowed signers.
func (p *place) key(file, principal string, seed byte) string {
	p.t.Helper()
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	block, err := ssh.MarshalPrivateKey(private, principal)
	p.must(err)
	p.must(os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	public, err := ssh.NewPublicKey(private.Public())
	p.must(err)
	return principal + ` namespaces="p4dev" ` + string(ssh.MarshalAuthorizedKey(public))
}

// pack packs l3router for the simulated NIC, without a word in the transcript.
func (p *place) pack(file, version string, flags ...string) {
	p.t.Helper()
	p.write("sim.bit", []byte("image "+version+"\n"))
	p.look(append([]string{"pack", "l3router.p4", "--version", version, "--image", "sim:p4sim=sim.bit",
		"--device", "driver:p4sim=sim", "-o", file}, flags...)...)
}

func TestPack(t *testing.T) {
	p := newPlace(t, "l3router")
	p.write("l3.bit", []byte("bits\n"))
	p.do(exitDone, "pack", "l3router.p4", "--version", "1.0.0")
	p.do(exitDone, "-j", "pack", "l3router.p4", "--version", "1.0.0", "-o", "again.p4fw")
	if !bytes.Equal(p.read("l3router.p4fw"), p.read("again.p4fw")) {
		t.Error("the same inputs made other bytes")
	}
	p.do(exitDone, "pack", "l3router.p4", "--version", "2.0.0", "--lowest-version", "1.5.0", "--needs-reset", "--name", "router",
		"--image", "fpga:acme=l3.bit", "--device", "pci:1234:5678=fpga", "--device", "driver:acme=fpga", "-o", "acme.p4fw")
	p.do(exitFailed, "pack", "l3router.p4")
	p.do(exitFailed, "pack", "l3router.p4", "--version", "new")
	p.do(exitFailed, "pack", "l3router.p4", "--version", "1.0.0", "--device", "usb:1:2")
	p.do(exitFailed, "pack", "l3router.p4", "--version", "1.0.0", "--device", "pci:1234:5678=none")
	p.do(exitMissing, "pack", "nothing.p4", "--version", "1.0.0")
	p.golden("pack")
	if left, err := os.ReadDir("."); err != nil || len(left) != 8 {
		t.Errorf("left in the folder: %v, %v", left, err)
	}
}

// foreignPackage is a PLDM package as another vendor's tool makes one.
func foreignPackage(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	_, err := pldm.Write(&b, &pldm.Package{
		Version: pldm.Text("nic 4.2"), Released: time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC),
		Records: []pldm.Record{{Version: pldm.Text("4.2"), Components: []int{0},
			Descriptors: []pldm.Descriptor{pldm.Uint16(pldm.DescPCIVendor, 0x8086), pldm.Uint16(pldm.DescPCIDevice, 0x1592)}}},
		Components: []pldm.Component{{Classification: pldm.ClassFirmware, Identifier: 1, Stamp: pldm.NoStamp,
			Version: pldm.Text("4.2"), Data: io.NewSectionReader(strings.NewReader("image"), 0, 5)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestInspect(t *testing.T) {
	p := newPlace(t, "l3router")
	p.pack("l3router.p4fw", "1.0.0")
	p.write("foreign.pldm", foreignPackage(t))
	p.do(exitDone, "inspect", "foreign.pldm")
	p.do(exitDone, "-j", "inspect", "foreign.pldm")
	p.do(exitDone, "inspect", "l3router.p4fw")
	p.do(exitDone, "-j", "inspect", "l3router.p4fw")
	p.do(exitDone, "inspect", "l3router.json")
	p.do(exitDone, "inspect", "--graph", "text", "l3router.p4fw")
	p.do(exitDone, "inspect", "--graph", "mermaid", "l3router.json")
	p.do(exitDone, "inspect", "--graph", "dot", "l3router.json")
	p.do(exitFailed, "inspect", "--graph", "png", "l3router.json")
	p.do(exitMissing, "inspect", "nothing.p4fw")
	p.write("empty", nil)
	p.do(exitFailed, "inspect", "empty")
	p.write("broken.json", []byte("{"))
	p.do(exitFailed, "inspect", "broken.json")
	p.golden("inspect")
	if r := p.do(exitDone, "inspect", "--graph", "svg", "l3router.p4fw"); !strings.Contains(r.out, "<svg") {
		t.Errorf("no drawing: %.200s", r.out)
	}
	fromJSON, fromPackage := p.do(exitDone, "inspect", "--text", "l3router.json"), p.do(exitDone, "inspect", "--text", "l3router.p4fw")
	if fromJSON.out != fromPackage.out || !strings.Contains(fromJSON.out, "ipv4_lpm") {
		t.Error("the program's text differs between package and BMv2 JSON")
	}
}

func TestSignAndVerify(t *testing.T) {
	p := newPlace(t, "l3router")
	p.pack("l3router.p4fw", "1.0.0")
	p.write("signers", []byte(p.key("ada", "ada@example.com", 1)))
	p.key("eve", "eve@example.com", 2)
	p.do(exitFailed, "verify", "l3router.p4fw")
	p.do(exitDone, "verify", "--allow-unsigned", "l3router.p4fw")
	p.do(exitDone, "sign", "l3router.p4fw", "--key", "ada")
	p.do(exitFailed, "verify", "l3router.p4fw")
	p.do(exitDone, "verify", "--allowed-signers", "signers", "l3router.p4fw")
	p.do(exitDone, "-j", "verify", "--allowed-signers", "signers", "l3router.p4fw")
	p.do(exitDone, "sign", "l3router.p4fw", "--key", "eve")
	p.do(exitFailed, "verify", "--allowed-signers", "signers", "l3router.p4fw")
	p.do(exitDone, "sign", "l3router.p4fw", "--key", "ada")
	p.pack("l3router.p4fw", "1.0.1")
	p.do(exitFailed, "verify", "--allowed-signers", "signers", "l3router.p4fw")
	whole := p.read("l3router.p4fw")
	p.write("cut.p4fw", whole[:len(whole)-1])
	p.do(exitFailed, "verify", "cut.p4fw")
	whole[len(whole)-1] ^= 1
	p.write("flipped.p4fw", whole)
	p.do(exitFailed, "verify", "flipped.p4fw")
	p.do(exitMissing, "verify", "nothing.p4fw")
	p.do(exitMissing, "verify", "--allowed-signers", "nobody", "l3router.p4fw")
	p.do(exitMissing, "sign", "l3router.p4fw", "--key", "nokey")
	p.do(exitFailed, "sign", "l3router.p4fw")
	p.golden("sign")
}

func TestUsage(t *testing.T) {
	p := newPlace(t)
	p.do(exitFailed, "flsh")
	p.do(exitFailed, "list", "all")
	p.do(exitFailed, "list", "--all")
	p.do(exitFailed, "show")
	p.do(exitFailed, "show", "0000:01:00.0")
	p.do(exitFailed, "flash", "pci/0000:01:00.0", "a", "b")
	p.do(exitFailed, "--endpoint", "tcp:host", "list")
	p.do(exitFailed, "fallback", "attach", "--ports", "1=eth1", "l3router.p4fw")
	p.do(exitFailed, "fallback", "attach", "--name", "r", "--ports", "eth1", "l3router.p4fw")
	p.do(exitFailed, "fallback", "attach", "--name", "r", "--ports", "1=a,1=b", "l3router.p4fw")
	p.do(exitFailed, "fallback", "attach", "--mode", "fast", "pci/0000:01:00.0")
	p.do(exitFailed, "fallback", "attach", "l3router.p4fw")
	p.do(exitFailed, "table", "add", "r")
	p.do(exitFailed, "sim", "--ports", "65")
	p.do(exitFailed, "sim", "--device", "nowhere")
	p.do(exitMissing, "sim", "--limits", "nothing.json")
	p.do(exitDone, "version")
	p.golden("usage")
}

// commands returns all commands below and including c that do something.
func commands(c *cobra.Command) (list []*cobra.Command) {
	for _, sub := range c.Commands() {
		list = append(list, commands(sub)...)
	}
	if c.Runnable() && c.Name() != "help" && c.Name() != "completion" {
		list = append(list, c)
	}
	return list
}

func TestHelp(t *testing.T) {
	p := newPlace(t)
	p.do(exitDone)
	p.do(exitDone, "--help")
	for _, c := range []string{"fallback", "table"} {
		p.do(exitDone, c, "--help")
	}
	root := newApp(nil, nil, nil).rootCommand()
	for _, c := range commands(root) {
		p.do(exitDone, append(strings.Fields(c.CommandPath())[1:], "--help")...)
	}
	p.golden("help")
}

// TestCommandNames: a command line that begins with a command's name finds it, as it does among all commands.
func TestCommandNames(t *testing.T) {
	for _, c := range newApp(nil, nil, nil).commands() {
		if got := c.make().Name(); got != c.name {
			t.Errorf("command %s calls itself %s", c.name, got)
		}
		alone := newApp(nil, nil, nil).rootCommand(c.name, "--help")
		if found, _, err := alone.Find([]string{c.name}); err != nil || found.Name() != c.name {
			t.Errorf("%s finds %s: %v", c.name, found.Name(), err)
		}
	}
	all := newApp(nil, nil, nil).commands()
	for _, args := range [][]string{nil, {"help", "show"}, {"--endpoint", "sim", "show"}, {"shwo"}, {"__complete", "sh"}} {
		if got := newApp(nil, nil, nil).rootCommand(args...).Commands(); len(got) != len(all) {
			t.Errorf("%q: %d commands of %d", args, len(got), len(all))
		}
	}
}

// TestExamples: every command has an example, and every example is a command line that p4dev takes.
func TestExamples(t *testing.T) {
	for _, c := range commands(newApp(nil, nil, nil).rootCommand()) {
		if c.Example == "" && c.Name() != "version" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for line := range strings.Lines(c.Example) {
			line, _, _ = strings.Cut(strings.TrimSpace(line), " | ")
			line, _, _ = strings.Cut(line, " > ")
			words := strings.Fields(strings.TrimSuffix(line, "&"))
			root := newApp(nil, nil, nil).rootCommand()
			found, rest, err := root.Find(words[1:])
			if err == nil {
				err = found.ParseFlags(rest)
			}
			if err == nil {
				err = found.ValidateArgs(found.Flags().Args())
			}
			if err != nil || words[0] != "p4dev" || found.Name() == "p4dev" {
				t.Errorf("%s: example %q: %v", c.CommandPath(), line, err)
			}
		}
	}
}

func TestCompletion(t *testing.T) {
	p := newPlace(t)
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if r := p.do(exitDone, "completion", shell); !strings.Contains(r.out, "p4dev") || r.err != "" {
			t.Errorf("%s: %.300s", shell, r.out+r.err)
		}
	}
	p.written.Reset()
	p.do(exitDone, "__complete", "fl")
	p.do(exitDone, "__complete", "show", "pci/0000:01:00.0", "")
	p.do(exitDone, "__complete", "flash", "--dry")
	p.golden("completion")
}

// TestEveryProgramPacks: whatever is in testdata/p4 becomes a package, and the package holds what it was made of.
func TestEveryProgramPacks(t *testing.T) {
	names, err := p4.FS.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		name, ok := strings.CutSuffix(n.Name(), ".p4")
		if !ok {
			continue
		}
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, name)
			p.do(exitDone, "pack", name+".p4", "--version", "1.0.0")
			p.do(exitDone, "verify", "--allow-unsigned", name+".p4fw")
			if p.run("inspect", "--text", name+".p4fw").out != p.run("inspect", "--text", name+".json").out {
				t.Error("the package holds another program")
			}
		})
	}
}
