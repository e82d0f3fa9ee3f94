package graph_test
import ("testing";"os/exec";"os";"time")
func TestStartTime(t *testing.T){ s:=time.Now(); c:=exec.Command(os.Args[0],"-test.run=XXX"); c.Run(); t.Log(time.Since(s), c.ProcessState.UserTime(), c.ProcessState.SysUsage()) }
