package cmdline

// Exit codes of commands. They are stable; docs/reference/exit-codes.md lists them.
const (
	ExitOK           = 0
	ExitFailure      = 1
	ExitUsage        = 2
	ExitNoSolution   = 3
	ExitLogin        = 4
	ExitRefused      = 5 // by integrity, signature or policy
	ExitNetwork      = 6
	ExitIncompatible = 7
	ExitConsent      = 8 // plugins ask for what nobody granted
	ExitBusy         = 9
	ExitPending      = 10 // changes pending, only with --exit-code
	ExitInterrupted  = 130
)

// Code is the stable name of an error, printed behind "code:".
type Code string

// Codes maps every code to its exit code and its meaning. It is the one table: the
// commands print from it and docs/reference/errors.md is compared with it.
var Codes = map[Code]struct {
	Exit    int
	Meaning string
}{
	"E0000": {ExitFailure, "something failed that has no code of its own"},
	"E0001": {ExitUsage, "the command line is wrong"},
	"E0002": {ExitUsage, "it is not said for which application to act"},
	"E0003": {ExitInterrupted, "interrupted"},
	"E0101": {ExitFailure, "plugin.yaml has mistakes"},
	"E0102": {ExitFailure, "the folder has no plugin.yaml"},
	"E0103": {ExitFailure, "a file of the plugin cannot be packed"},
	"E0104": {ExitFailure, "the plugin cannot be built"},
	"E0105": {ExitFailure, "the plugin fails a check"},
	"E0106": {ExitUsage, "it is not said how to build the plugin"},
	"E0107": {ExitFailure, "the folder cannot take a new plugin"},
	"E0201": {ExitNoSolution, "no plugin has that name"},
	"E0202": {ExitNoSolution, "the version ranges of wishes and plugins exclude each other"},
	"E0203": {ExitIncompatible, "no version is for this version of the application"},
	"E0204": {ExitIncompatible, "no version runs on this platform"},
	"E0205": {ExitIncompatible, "no version serves an extension point of the application"},
	"E0206": {ExitRefused, "every version that would fit is yanked, blocked or forbidden by policy"},
	"E0207": {ExitNoSolution, "plugins declare that they conflict"},
	"E0208": {ExitFailure, "the plugin is linked into the program"},
	"E0209": {ExitNoSolution, "the search took too many steps"},
	"E0210": {ExitNoSolution, "every version that would fit is hidden by its age"},
	"E0211": {ExitNoSolution, "every version that would fit is kept away by a pin, an exclusion or another rule of the caller"},
	"E0212": {ExitNoSolution, "only pre-releases would fit"},
	"E0213": {ExitNoSolution, "nobody asked for a plugin that offers what is needed"},
	"E0214": {ExitNoSolution, "plugins wait for each other to start"},
	"E0215": {ExitNoSolution, "the plugin has no such channel"},
	"E0301": {ExitFailure, "the plugin is not installed"},
	"E0302": {ExitFailure, "other plugins need the plugin"},
	"E0303": {ExitFailure, "there is no such generation"},
	"E0304": {ExitFailure, "the installed set changed meanwhile"},
	"E0305": {ExitBusy, "another process changes the installation"},
	"E0306": {ExitFailure, "the installation is damaged"},
	"E0307": {ExitRefused, "the release did not start before and is held back"},
	"E0308": {ExitRefused, "others can change the installation folder"},
	"E0309": {ExitFailure, "the plugin needs one that is disabled"},
	"E0310": {ExitBusy, "an application still runs the plugin whose data shall go"},
	"E0311": {ExitRefused, "a development override is active, or may not be made here"},
	"E0312": {ExitFailure, "the folder of a development override cannot be used"},
	"E0313": {ExitFailure, "a development override does not start"},
	"E0314": {ExitConsent, "plugins ask for capabilities that nobody granted (consent_required)"},
	"E0315": {ExitIncompatible, "a plugin lacks methods that the application requires, or has them with other types"},
	"E0316": {ExitFailure, "a configuration does not fit the plugin, or a secret in it cannot be read"},
	"E0401": {ExitUsage, "no source of plugins is configured"},
	"E0402": {ExitNetwork, "the registry cannot be reached"},
	"E0403": {ExitLogin, "the registry wants a token, or another one"},
	"E0404": {ExitFailure, "the version exists with other content"},
	"E0405": {ExitFailure, "the registry refused the request"},
	"E0406": {ExitFailure, "the folder holds no packed plugins"},
	"E0407": {ExitFailure, "what answers at the address is no registry, or a broken one"},
	"E0408": {ExitNetwork, "something is not here, and the network may not be used"},
	"E0409": {ExitFailure, "the source lacks bytes that its index names"},
	"E0410": {ExitFailure, "the folder cannot take these plugins"},
	"E0411": {ExitUsage, "the source cannot list all its plugins"},
	"E0412": {ExitFailure, "nothing of the plugin can be copied"},
	"E0413": {ExitNetwork, "the registry asks to come back later"},
	"E0414": {ExitLogin, "the registry wants to know who reads"},
	"E0415": {ExitUsage, "a plain OCI registry cannot do that"},
	"E0416": {ExitFailure, "an entry of the drop-in folder cannot be used"},
	"E0417": {ExitFailure, "the drop-in folder has one version with different bytes"},
	"E0418": {ExitFailure, "the release is too old to be removed"},
	"E0419": {ExitFailure, "the release is in a state in which this is not possible"},
	"E0501": {ExitRefused, "downloaded bytes do not match their digest"},
	"E0502": {ExitRefused, "artifact and index disagree"},
	"E0503": {ExitRefused, "the package holds files that may not be unpacked"},
	"E0504": {ExitRefused, "the index document breaks its format"},
	"E0505": {ExitRefused, "policy forbids the plugin"},
	"E0506": {ExitRefused, "files of an installed plugin were changed"},
	"E0507": {ExitRefused, "the bundle is damaged, or no bundle"},
	"E0508": {ExitRefused, "available.json breaks its format"},
	"E0601": {ExitBusy, "another server uses the data folder"},
	"E0602": {ExitFailure, "the address is in use"},
	"E0603": {ExitFailure, "a newer program made the database"},
	"E0604": {ExitUsage, "a setting of the registry is not known, or wrong"},
	"E0605": {ExitFailure, "the registry's database or bucket does not answer or does not exist"},
	"E0701": {ExitFailure, "the plugin answered with an error"},
	"E0702": {ExitFailure, "the plugin did not start"},
	"E0801": {ExitFailure, "the lock file cannot be read"},
	"E0802": {ExitFailure, "the lock file has the marks of a merge conflict"},
	"E0803": {ExitNoSolution, "the lock is not what was asked for"},
	"E0804": {ExitIncompatible, "the lock has nothing for a platform"},
	"E0805": {ExitIncompatible, "a locked plugin is not for this version of the application"},
	"E0806": {ExitNoSolution, "the lock contradicts itself"},
}
