// Package manifests checks what example/cluster has for real use: the files for containers are read by the libraries of those who
// run them, which refuse unknown fields, and the files agree with one another. It is a module of its own, so that nothing of
// this is needed to build the gateway.
package manifests

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/yaml"
	strictjson "sigs.k8s.io/json"
	strictyaml "sigs.k8s.io/yaml"
)

const clusterDir = "../../example/cluster/"

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// loadCompose reads a compose file as docker compose does: unknown fields and undefined networks, volumes, configs and secrets are
// errors.
func loadCompose(t *testing.T, text string) (*types.Project, error) {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  path.Join(dir, clusterDir),
		ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: []byte(text)}},
	}, func(options *loader.Options) { options.SetProjectName("check", true) })
}

func compose(t *testing.T) *types.Project {
	t.Helper()
	project, err := loadCompose(t, read(t, clusterDir+"compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// kubernetes is what the manifest has, each kind by name.
type kubernetes struct {
	configMaps map[string]corev1.ConfigMap
	secrets    map[string]corev1.Secret
	services   map[string]corev1.Service
	budgets    map[string]policyv1.PodDisruptionBudget
	sets       map[string]appsv1.StatefulSet
}

// loadKubernetes reads manifests with the types of Kubernetes. Unknown and repeated fields are errors.
func loadKubernetes(text string) (kubernetes, error) {
	loaded := kubernetes{
		map[string]corev1.ConfigMap{}, map[string]corev1.Secret{}, map[string]corev1.Service{},
		map[string]policyv1.PodDisruptionBudget{}, map[string]appsv1.StatefulSet{},
	}
	documents := yaml.NewDocumentDecoder(io.NopCloser(strings.NewReader(text)))
	buffer := make([]byte, len(text)+1)
	for {
		n, err := documents.Read(buffer)
		if errors.Is(err, io.EOF) {
			return loaded, nil
		} else if err != nil {
			return loaded, err
		}
		document := buffer[:n]
		var kind struct{ APIVersion, Kind string }
		if err := strictyaml.Unmarshal(document, &kind); err != nil {
			return loaded, err
		}
		switch kind.APIVersion + " " + kind.Kind {
		case "v1 ConfigMap":
			err = keep(document, loaded.configMaps, func(o corev1.ConfigMap) string { return o.Name })
		case "v1 Secret":
			err = keep(document, loaded.secrets, func(o corev1.Secret) string { return o.Name })
		case "v1 Service":
			err = keep(document, loaded.services, func(o corev1.Service) string { return o.Name })
		case "policy/v1 PodDisruptionBudget":
			err = keep(document, loaded.budgets, func(o policyv1.PodDisruptionBudget) string { return o.Name })
		case "apps/v1 StatefulSet":
			err = keep(document, loaded.sets, func(o appsv1.StatefulSet) string { return o.Name })
		default:
			err = errors.New("nothing here knows a " + kind.APIVersion + " " + kind.Kind)
		}
		if err != nil {
			return loaded, err
		}
	}
}

func keep[O any](document []byte, kept map[string]O, nameOf func(O) string) error {
	var object O
	text, err := strictyaml.YAMLToJSONStrict(document) // no field twice
	if err != nil {
		return err
	}
	unknown, err := strictjson.UnmarshalStrict(text, &object) // upper and lower case matter, as they do to the server
	if err = errors.Join(append(unknown, err)...); err != nil {
		return err
	}
	name := nameOf(object)
	if _, twice := kept[name]; twice || name == "" {
		return errors.New("the name " + strconv.Quote(name) + " is missing, or is given twice")
	}
	kept[name] = object
	return nil
}

func manifest(t *testing.T) kubernetes {
	t.Helper()
	loaded, err := loadKubernetes(read(t, clusterDir+"kubernetes.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// stage is one stage of the Dockerfile, with what it gives the container.
type stage struct {
	user, entrypoint string
	ports, volumes   []string
	env              map[string]string
}

// loadDockerfile reads a Dockerfile as docker build does. What its linter says is returned, too.
func loadDockerfile(text string) (map[string]stage, []string, error) {
	parsed, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		return nil, nil, err
	}
	var warnings []string
	lint := linter.New(&linter.Config{Warn: func(rule, _, _, message string, _ []parser.Range) {
		warnings = append(warnings, rule+": "+message)
	}})
	for _, warning := range parsed.Warnings {
		warnings = append(warnings, warning.Short)
	}
	all, _, err := instructions.Parse(parsed.AST, lint)
	if err != nil {
		return nil, nil, err
	}
	stages := map[string]stage{}
	for _, one := range all {
		read := stage{env: map[string]string{}}
		for _, command := range one.Commands {
			switch command := command.(type) {
			case *instructions.UserCommand:
				read.user = command.User
			case *instructions.ExposeCommand:
				read.ports = append(read.ports, command.Ports...)
			case *instructions.VolumeCommand:
				read.volumes = append(read.volumes, command.Volumes...)
			case *instructions.EnvCommand:
				for _, pair := range command.Env {
					read.env[pair.Key] = pair.Value
				}
			case *instructions.EntrypointCommand:
				read.entrypoint = strings.Join(command.CmdLine, " ")
			}
		}
		stages[one.Name] = read
	}
	return stages, warnings, nil
}

func dockerfile(t *testing.T) map[string]stage {
	t.Helper()
	stages, warnings, err := loadDockerfile(read(t, clusterDir+"Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, warning := range warnings {
		t.Error(warning)
	}
	return stages
}

// The readers find what they are for.
func TestMistakesAreFound(t *testing.T) {
	text := read(t, clusterDir+"compose.yaml")
	for name, change := range map[string][2]string{
		"an unknown field":      {"read_only: true", "readonly: true"},
		"an undefined secret":   {"secrets: [store_password]", "secrets: [store_passwort]"},
		"an undefined volume":   {"gateway-2: {}\n", "gateway-4: {}\n"},
		"an undefined network":  {"networks: [back]", "networks: [rear]"},
		"a wrong type of value": {"read_only: true", "read_only: [true]"},
	} {
		changed := strings.Replace(text, change[0], change[1], 1)
		if _, err := loadCompose(t, changed); err == nil || changed == text {
			t.Errorf("compose.yaml with %s: no error", name)
		}
	}
	text = read(t, clusterDir+"kubernetes.yaml")
	for name, change := range map[string][2]string{
		"an unknown field":       {"readOnlyRootFilesystem", "readonlyRootFilesystem"},
		"a repeated field":       {"replicas: 3", "replicas: 3\n  replicas: 2"},
		"a wrong type of value":  {"replicas: 3", "replicas: three"},
		"a kind of other things": {"kind: Secret", "kind: SealedSecret"},
		"a name twice":           {"name: gateway-each", "name: gateway"},
	} {
		changed := strings.Replace(text, change[0], change[1], 1)
		if _, err := loadKubernetes(changed); err == nil || changed == text {
			t.Errorf("kubernetes.yaml with %s: no error", name)
		}
	}
	text = read(t, clusterDir+"Dockerfile")
	if _, _, err := loadDockerfile(strings.Replace(text, "EXPOSE", "EXPORT", 1)); err == nil {
		t.Error("Dockerfile with an unknown instruction: no error")
	}
	if _, warnings, err := loadDockerfile(strings.Replace(text, "AS gateway", "as gateway", 1)); err != nil || len(warnings) == 0 {
		t.Errorf("Dockerfile with what the linter warns about: %v, %v", warnings, err)
	}
}

// The image is built with the versions that the tests have.
func TestDockerfileHasOurVersions(t *testing.T) {
	text := read(t, clusterDir+"Dockerfile")
	module, ci := read(t, "../../go.mod"), read(t, "../run")
	first := func(pattern, text string) string {
		found := regexp.MustCompile(pattern).FindStringSubmatch(text)
		if found == nil {
			t.Fatalf("%s is not found", pattern)
		}
		return found[1]
	}
	if caddy := first(`(?m)^\s*github.com/caddyserver/caddy/v2 (\S+)`, module); !strings.Contains(text, "xcaddy build "+caddy+" ") {
		t.Errorf("the Dockerfile does not build Caddy %s", caddy)
	}
	if xcaddy := first(`xcaddy/cmd/xcaddy@(\S+)`, ci); !strings.Contains(text, "xcaddy/cmd/xcaddy@"+xcaddy+"\n") {
		t.Errorf("the Dockerfile does not use xcaddy %s", xcaddy)
	}
	if language := first(`(?m)^go (\d+\.\d+)`, module); !strings.Contains(text, "FROM golang:"+language+"-") {
		t.Errorf("the Dockerfile does not use Go %s", language)
	}
	if strings.Contains(text, ":latest") || strings.Contains(text, "@latest") {
		t.Error("the Dockerfile names a version that changes")
	}
}

const user = 10001

// Every container of the gateway runs as the same user, who is not root, can write to its volume alone, and has it to itself.
func TestGatewaysWriteToTheirOwnVolume(t *testing.T) {
	image := dockerfile(t)["gateway"]
	if want := strconv.Itoa(user) + ":" + strconv.Itoa(user); image.user != want {
		t.Errorf("the image's user is %q, want %q", image.user, want)
	}
	if !slices.Equal(image.volumes, []string{"/data"}) || image.env["XDG_DATA_HOME"] != "/data" || image.env["XDG_CONFIG_HOME"] != "/data" {
		t.Errorf("the image's volumes %q and variables %v", image.volumes, image.env)
	}
	owners := map[string]string{}
	gateways := 0
	for name, service := range compose(t).Services {
		if service.User == "" || service.User == "root" || strings.HasPrefix(service.User, "0") {
			t.Errorf("%s runs as %q", name, service.User)
		}
		if !service.ReadOnly || !slices.Equal(service.CapDrop, []string{"ALL"}) || service.Privileged ||
			!slices.Contains(service.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s has more rights than it needs", name)
		}
		for _, volume := range service.Volumes {
			if volume.Target != "/data" || volume.Type != "volume" {
				t.Errorf("%s has %s at %s", name, volume.Type, volume.Target)
			}
			if other := owners[volume.Source]; other != "" {
				t.Errorf("%s and %s share the volume %s", name, other, volume.Source)
			}
			owners[volume.Source] = name
		}
		if service.Build != nil && service.Build.Target == "gateway" {
			gateways++
			if service.User != image.user || len(service.Volumes) != 1 {
				t.Errorf("%s runs as %s, with %d volumes", name, service.User, len(service.Volumes))
			}
		}
	}
	if gateways != 3 {
		t.Errorf("compose.yaml has %d gateways", gateways)
	}

	pod := manifest(t).sets["gateway"].Spec.Template.Spec
	if of := pod.SecurityContext; *of.RunAsUser != user || *of.RunAsGroup != user || *of.FSGroup != user || !*of.RunAsNonRoot ||
		of.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("the pods' security context: %+v", of)
	}
	container := pod.Containers[0]
	if of := container.SecurityContext; *of.AllowPrivilegeEscalation || !*of.ReadOnlyRootFilesystem ||
		!slices.Equal(of.Capabilities.Drop, []corev1.Capability{"ALL"}) {
		t.Errorf("the container's security context: %+v", of)
	}
	if *pod.AutomountServiceAccountToken {
		t.Error("the pods get a token of the cluster's")
	}
	claims := manifest(t).sets["gateway"].Spec.VolumeClaimTemplates
	if at := mountOf(container, "/data"); len(claims) != 1 || claims[0].Name != at.Name || at.ReadOnly {
		t.Errorf("%+v is mounted at /data", at)
	}
}

func mountOf(container corev1.Container, at string) corev1.VolumeMount {
	for _, mount := range container.VolumeMounts {
		if mount.MountPath == at {
			return mount
		}
	}
	return corev1.VolumeMount{}
}

// Every path and address that the Caddyfile names is there, in both files.
func TestGatewaysFindTheirFiles(t *testing.T) {
	caddyfile := read(t, clusterDir+"gateway.Caddyfile")
	objects, project := manifest(t), compose(t)
	if text := objects.configMaps["gateway"].Data["Caddyfile"]; strings.TrimSpace(text) != strings.TrimSpace(caddyfile) {
		t.Errorf("kubernetes.yaml has another Caddyfile than gateway.Caddyfile:\n%s", text)
	}
	files := regexp.MustCompile(`\{file\.([^}]+)\}`).FindAllStringSubmatch(caddyfile, -1)
	if len(files) == 0 {
		t.Error("no secret is read from a file")
	}
	variables := regexp.MustCompile(`\{\$(\w+)[:}]`).FindAllStringSubmatch(caddyfile, -1)

	for name, service := range project.Services {
		if service.Build == nil || service.Build.Target != "gateway" {
			continue
		}
		for _, file := range files {
			if !slices.ContainsFunc(service.Secrets, func(secret types.ServiceSecretConfig) bool {
				return path.Join("/run/secrets", secret.Source) == file[1] && secret.Target == "" || secret.Target == file[1]
			}) {
				t.Errorf("%s has no secret at %s", name, file[1])
			}
		}
		for _, variable := range variables {
			value := service.Environment[variable[1]]
			if value == nil {
				t.Errorf("%s lacks the variable %s", name, variable[1])
				continue
			}
			host, _, _ := strings.Cut(*value, ":")
			other, there := project.Services[host]
			if !there || !slices.ContainsFunc(other.NetworksByPriority(), func(n string) bool { return service.Networks[n] != nil || hasKey(service.Networks, n) }) {
				t.Errorf("%s does not reach %s=%s", name, variable[1], *value)
			}
		}
		if len(service.Configs) != 1 || service.Configs[0].Target != "/etc/caddy/Caddyfile" ||
			!strings.HasSuffix(project.Configs[service.Configs[0].Source].File, "gateway.Caddyfile") {
			t.Errorf("%s has the configuration %+v", name, service.Configs)
		}
	}
	if line := read(t, clusterDir+"Dockerfile"); !strings.Contains(line, `"--config", "/etc/caddy/Caddyfile"`) {
		t.Error("the image reads another Caddyfile")
	}

	pod := objects.sets["gateway"].Spec.Template.Spec
	container := pod.Containers[0]
	for _, file := range files {
		mount := mountOf(container, path.Dir(file[1]))
		found := false
		for _, volume := range pod.Volumes {
			if volume.Name == mount.Name && volume.Secret != nil {
				_, found = objects.secrets[volume.Secret.SecretName].StringData[path.Base(file[1])]
				if *volume.Secret.DefaultMode != 0o440 {
					t.Errorf("the secrets have the mode %o", *volume.Secret.DefaultMode)
				}
			}
		}
		if !found || !mount.ReadOnly {
			t.Errorf("the pods have no secret at %s", file[1])
		}
	}
	for _, variable := range variables {
		if !slices.ContainsFunc(container.Env, func(of corev1.EnvVar) bool { return of.Name == variable[1] }) {
			t.Errorf("the pods lack the variable %s", variable[1])
		}
	}
	mount := mountOf(container, "/etc/caddy")
	if !slices.ContainsFunc(pod.Volumes, func(volume corev1.Volume) bool {
		return volume.Name == mount.Name && volume.ConfigMap != nil && volume.ConfigMap.Name == "gateway"
	}) {
		t.Error("the pods have no Caddyfile")
	}
}

func hasKey[V any](of map[string]V, key string) bool {
	_, there := of[key]
	return there
}

// The server has the users and the settings that the launcher tries out, and its health is asked as the gateways' user.
func TestServerOfCompose(t *testing.T) {
	project := compose(t)
	server := project.Services["valkey"]
	command := strings.Join(server.Command, " ")
	for _, want := range []string{"valkey-server /etc/valkey/valkey.conf", "--dir /data", "--aclfile /run/secrets/users.acl"} {
		if !strings.Contains(command, want) {
			t.Errorf("the server's command %q lacks %q", command, want)
		}
	}
	if len(server.Ports) > 0 || !bool(project.Networks["back"].Internal) || len(server.Networks) != 1 {
		t.Error("the server can be reached from outside")
	}
	if test := strings.Join(server.HealthCheck.Test, " "); !strings.Contains(test, "--user gateway") || !strings.Contains(test, "/run/secrets/store_password") {
		t.Errorf("the server's health check is %q", test)
	}
	for _, secret := range server.Secrets {
		if !strings.Contains(project.Secrets[secret.Source].File, "/secrets/") {
			t.Errorf("the secret %s is in %s", secret.Source, project.Secrets[secret.Source].File)
		}
	}
	if ignored := read(t, clusterDir+"Dockerfile.dockerignore"); !strings.Contains(ignored, "secrets") {
		t.Error("the secrets get into the image's sources")
	}
	if ignored := read(t, "../../.gitignore"); !strings.Contains(ignored, "example/cluster/secrets/") {
		t.Error("git would take the secrets")
	}
}

// Visitors reach the one port, probes the other, everywhere.
func TestPortsAndProbes(t *testing.T) {
	image := dockerfile(t)["gateway"]
	caddyfile := read(t, clusterDir+"gateway.Caddyfile")
	var listened []string
	for _, port := range regexp.MustCompile(`(?m)^http://:(\d+) \{`).FindAllStringSubmatch(caddyfile, -1) {
		listened = append(listened, port[1])
	}
	if !slices.Equal(image.ports, listened) {
		t.Errorf("the image exposes %q, the Caddyfile listens on %q", image.ports, listened)
	}
	for name, service := range compose(t).Services {
		for _, port := range service.Ports {
			if port.HostIP != "127.0.0.1" || int(port.Target) != 8080 {
				t.Errorf("%s publishes %+v", name, port)
			}
		}
		if service.HealthCheck == nil || service.Restart != types.RestartPolicyUnlessStopped {
			t.Errorf("%s has no health check, or does not start again", name)
		}
	}
	objects := manifest(t)
	pod := objects.sets["gateway"].Spec.Template.Spec
	container := pod.Containers[0]
	ports := map[string]string{}
	for _, port := range container.Ports {
		ports[port.Name] = strconv.Itoa(int(port.ContainerPort))
	}
	if ports["http"] != listened[0] || ports["probes"] != listened[1] {
		t.Errorf("the pods have the ports %v", ports)
	}
	for name, probe := range map[string]*corev1.Probe{
		"/live": container.LivenessProbe, "/ready": container.ReadinessProbe,
	} {
		if probe.HTTPGet.Path != name || probe.HTTPGet.Port != intstr.FromString("probes") || !strings.Contains(caddyfile, name) {
			t.Errorf("%s: %+v", name, probe.HTTPGet)
		}
	}
	if container.StartupProbe.HTTPGet.Path != "/live" {
		t.Error("a starting gateway is asked something else than a running one")
	}
	for name, service := range objects.services {
		for _, port := range service.Spec.Ports {
			if ports[port.TargetPort.StrVal] == "" {
				t.Errorf("the service %s leads to the port %v, which no pod has", name, port.TargetPort)
			}
		}
	}
}

// A gateway has the time to end in order, and one of the three at a time is away.
func TestGatewaysEndInOrder(t *testing.T) {
	caddyfile := read(t, clusterDir+"gateway.Caddyfile")
	var takes time.Duration
	for _, option := range []string{"shutdown_delay", "grace_period"} {
		found := regexp.MustCompile(option + ` (\S+)`).FindStringSubmatch(caddyfile)
		if found == nil {
			t.Fatalf("the Caddyfile lacks %s", option)
		}
		duration, err := time.ParseDuration(found[1])
		if err != nil {
			t.Fatal(err)
		}
		takes += duration
	}
	for name, service := range compose(t).Services {
		if service.Build != nil && service.Build.Target == "gateway" && time.Duration(*service.StopGracePeriod) <= takes {
			t.Errorf("%s is killed after %v, and may need %v", name, *service.StopGracePeriod, takes)
		}
	}
	objects := manifest(t)
	set := objects.sets["gateway"]
	if given := time.Duration(*set.Spec.Template.Spec.TerminationGracePeriodSeconds) * time.Second; given <= takes {
		t.Errorf("the pods are killed after %v, and may need %v", given, takes)
	}
	if *set.Spec.Replicas != 3 || objects.budgets["gateway"].Spec.MaxUnavailable.IntValue() != 1 {
		t.Error("more than one of three gateways may be away")
	}
	if _, there := objects.services[set.Spec.ServiceName]; !there || objects.services[set.Spec.ServiceName].Spec.ClusterIP != "None" {
		t.Errorf("the service %q of the pods' names is missing", set.Spec.ServiceName)
	}
	pods := labels.Set(set.Spec.Template.Labels)
	selected := []map[string]string{set.Spec.Selector.MatchLabels, objects.budgets["gateway"].Spec.Selector.MatchLabels}
	for _, service := range objects.services {
		selected = append(selected, service.Spec.Selector)
	}
	for _, constraint := range set.Spec.Template.Spec.TopologySpreadConstraints {
		selected = append(selected, constraint.LabelSelector.MatchLabels)
	}
	for _, selector := range selected {
		if len(selector) == 0 || !labels.SelectorFromSet(selector).Matches(pods) {
			t.Errorf("the selector %v does not find the pods", selector)
		}
	}
}

// No secret that somebody might use is in the files.
func TestNoSecretIsWritten(t *testing.T) {
	for _, value := range manifest(t).secrets["gateway"].StringData {
		if !strings.HasPrefix(value, "REPLACE") {
			t.Error("the manifest has a secret that looks real")
		}
	}
	if bytes.Contains([]byte(read(t, clusterDir+"compose.yaml")), []byte("environment: {PASSWORD")) {
		t.Error("compose.yaml has a password")
	}
	if !strings.Contains(read(t, clusterDir+"users.acl"), ">PASSWORD") {
		t.Error("users.acl has another password than the placeholder")
	}
}
