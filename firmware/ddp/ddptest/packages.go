package ddptest

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// FolderVariable is the environment variable that names the folder with Intel's packages; .ci/ddp fills it. Without
// it they are searched in p4dev/ddp of the user's cache folder.
const FolderVariable = "P4DEV_DDP_PACKAGES"

// Packages returns Intel's packages, the paths of NAME-VERSION.pkg by NAME ("ice", "ice_comms", ...). Where there are
// none it skips the test, or fails it where P4DEV_TEST_REQUIRE names "ddp".
func Packages(t testing.TB) map[string]string {
	t.Helper()
	folder := os.Getenv(FolderVariable)
	if folder == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			cache = os.TempDir()
		}
		folder = filepath.Join(cache, "p4dev", "ddp")
	}
	found := map[string]string{}
	_ = filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		name, version, ok := strings.Cut(filepath.Base(path), "-")
		if err == nil && ok && e.Type().IsRegular() && strings.HasSuffix(version, ".pkg") {
			found[name] = path
		}
		return nil
	})
	if len(found) > 0 {
		return found
	}
	if slices.Contains(strings.Split(os.Getenv("P4DEV_TEST_REQUIRE"), ","), "ddp") {
		t.Fatalf("P4DEV_TEST_REQUIRE asks for ddp: no packages in %s", folder)
	}
	t.Skipf("no DDP packages in %s; .ci/ddp fetches them", folder)
	return nil
}
