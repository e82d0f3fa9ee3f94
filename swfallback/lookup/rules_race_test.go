package lookup

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// sharedRules are rules that are read while they change: of the cell at 4096+testCell*i the i-th.
type sharedRules []atomic.Pointer[testRule]

func (s sharedRules) at(c uint32) *testRule { return s[(c-4096)/testCell].Load() }

func (s sharedRules) Words(c uint32, rule *RuleWords) {
	rule.Values[0], rule.Masks[0] = keyWord(s.at(c).value), keyWord(s.at(c).mask)
}

func (s sharedRules) Chunks(c uint32, values, masks *[MostChunks]byte) {
	copy(values[:], s.at(c).value[:])
	copy(masks[:], s.at(c).mask[:])
}

// programs are searches; Wait waits for those that have begun.
type programs struct{ turn sync.RWMutex }

func (p *programs) run(f func()) {
	p.turn.RLock()
	defer p.turn.RUnlock()
	f()
}

func (p *programs) wait() error {
	p.turn.Lock()
	defer p.turn.Unlock()
	return nil
}

// TestRulesUnderChange searches for rules that are always there while others come and go around them: whatever moves
// between list, groups and vectors is found at any moment. Cells are used again after a grace period.
func TestRulesUnderChange(t *testing.T) {
	for kind := range ruleKinds() {
		t.Run(kind, func(t *testing.T) { testRulesUnderChange(t, kind) })
	}
}

func testRulesUnderChange(t *testing.T, kind string) {
	const most = 600
	shape := testShape(most)
	from := uint64(4096+testCell*2*most+4095) &^ 4095
	mem := NewMemory(int(from) + RulesBytes(shape))
	var all programs
	mem.Wait = all.wait
	shared := make(sharedRules, 2*most)
	rules := OpenRules(mem, testHead, from, mem.Size, shape, shared)
	c := &ruleChanger{t: t, rules: rules, shared: shared, random: rand.New(rand.NewPCG(1, 1)), make: ruleKinds()[kind]}
	for i := range shared {
		c.free = append(c.free, uint32(4096+testCell*i))
	}
	var stay []*testRule
	for i := range 40 {
		stay = append(stay, c.rule(100+i))
		c.insert(stay[i])
	}
	var stop atomic.Bool
	var done sync.WaitGroup
	for range 2 {
		done.Go(func() {
			for n := 0; !stop.Load(); n++ {
				want := stay[n%len(stay)]
				all.run(func() { searchStaying(t, rules, shared, want) })
				runtime.Gosched()
			}
		})
	}
	for range 1500 {
		c.change(stay)
	}
	stop.Store(true)
	done.Wait()
}

// searchStaying looks for the key of a rule that stays: it finds that one, or one that stays too and is better.
func searchStaying(t *testing.T, rules *Rules, shared sharedRules, want *testRule) {
	key := want.value
	slow := rand.IntN(4) == 0 // so that changes overtake it
	cell := rules.Find([]uint64{keyWord(key)}, key[:], func(c uint32) bool {
		if slow {
			time.Sleep(20 * time.Microsecond)
		}
		return shared.at(c).matches(key)
	})
	if cell == 0 {
		t.Errorf("key %x: nothing, want priority %d", key, want.priority)
	} else if got := shared.at(cell); got.priority < want.priority {
		t.Errorf("key %x: priority %d, want %d", key, got.priority, want.priority)
	}
}

// ruleChanger changes rules.
type ruleChanger struct {
	t          *testing.T
	rules      *Rules
	shared     sharedRules
	random     *rand.Rand
	make       func(*rand.Rand) *testRule
	free, dead []uint32 // cells that nobody reads, or perhaps
	live       []uint32
}

func (c *ruleChanger) rule(priority int) *testRule {
	r := c.make(c.random)
	r.priority = priority
	for i := range r.value {
		r.value[i] &= r.mask[i]
	}
	return r
}

// cell gives a rule a cell.
func (c *ruleChanger) cell(r *testRule) uint32 {
	if len(c.free) == 0 {
		c.rules.mem.wait()
		c.free, c.dead = c.dead, nil
	}
	cell := c.free[0]
	c.free = c.free[1:]
	ranked(c.rules.mem, cell, r)
	c.shared[(cell-4096)/testCell].Store(r)
	return cell
}

func (c *ruleChanger) insert(rules ...*testRule) {
	var cells []uint32
	for _, r := range rules {
		cells = append(cells, c.cell(r))
	}
	if err := c.rules.Insert(cells...); err != nil {
		c.t.Error(err)
	}
	c.live = append(c.live, cells...)
}

// change makes a change of the rules, but for those that stay.
func (c *ruleChanger) change(stay []*testRule) {
	i := c.random.IntN(len(c.live))
	rule := c.shared.at(c.live[i])
	switch n := c.random.IntN(60); {
	case n == 0 && len(c.live) < 400:
		var many []*testRule
		for range 150 {
			many = append(many, c.rule(1+c.random.IntN(99)))
		}
		c.insert(many...)
	case n == 1:
		for i := len(c.live) - 1; i >= 0; i-- {
			if !slices.Contains(stay, c.shared.at(c.live[i])) {
				c.remove(i)
			}
		}
	case n < 12:
		cell := c.cell(rule)
		c.rules.Replace(c.live[i], cell)
		c.dead = append(c.dead, c.live[i])
		c.live[i] = cell
	case n < 30 && len(c.live) < 500:
		c.insert(c.rule(1 + c.random.IntN(99)))
	case !slices.Contains(stay, rule):
		c.remove(i)
	}
}

func (c *ruleChanger) remove(i int) {
	c.rules.Delete(c.live[i])
	c.dead = append(c.dead, c.live[i])
	c.live = slices.Delete(c.live, i, i+1)
}
