// Command schemas reads the Kubernetes manifests and the compose file of deploy with the types of
// their own projects, and prints what these do not know. It is a module of its own, so that these
// projects are no dependencies of backbone.
//
//	go run . ../../../deploy [MANIFESTS...]
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/cli"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	strict "sigs.k8s.io/yaml"
)

var kinds = map[string]func() any{
	"apps/v1 Deployment":                     func() any { return new(apps.Deployment) },
	"v1 Service":                             func() any { return new(core.Service) },
	"v1 ConfigMap":                           func() any { return new(core.ConfigMap) },
	"v1 Namespace":                           func() any { return new(core.Namespace) },
	"v1 Secret":                              func() any { return new(core.Secret) },
	"policy/v1 PodDisruptionBudget":          func() any { return new(policy.PodDisruptionBudget) },
	"autoscaling/v2 HorizontalPodAutoscaler": func() any { return new(autoscaling.HorizontalPodAutoscaler) },
	"networking.k8s.io/v1 NetworkPolicy":     func() any { return new(networking.NetworkPolicy) },
}

func main() {
	for _, name := range append([]string{filepath.Join(os.Args[1], "kubernetes", "backbone.yaml")}, os.Args[2:]...) {
		if err := manifests(name); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if err := compose(filepath.Join(os.Args[1], "docker", "compose.yaml")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func manifests(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	n := 0
	for documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text))); ; n++ {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		var head struct{ APIVersion, Kind string }
		if err := strict.Unmarshal(document, &head); err != nil {
			return err
		}
		kind := head.APIVersion + " " + head.Kind
		if kinds[kind] == nil {
			return fmt.Errorf("%s: %s is not known here", name, kind)
		}
		if err := strict.UnmarshalStrict(document, kinds[kind]()); err != nil {
			return fmt.Errorf("%s: %s: %w", name, kind, err)
		}
	}
	fmt.Printf("%s: %d manifests, all fields are known\n", name, n)
	return nil
}

func compose(name string) error {
	options, err := cli.NewProjectOptions([]string{name})
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	fmt.Printf("%s: %d services\n", name, len(project.Services))
	return nil
}
