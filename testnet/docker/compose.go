package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// image is the name that compose.yaml gives the image.
const image = "meshpresence:testnet"

// stopTime is what taking the containers down may take, Ctrl-C or not.
const stopTime = 2 * time.Minute

// compose is one compose project of this machine's engine.
type compose struct {
	tool    []string // docker compose, or docker-compose
	root    string   // the module's directory
	project string
	scratch string // a temporary directory
}

var errNoEngine = errors.New("no container engine answers: start docker, then try again")

// findCompose looks for an engine and a compose tool.
func findCompose(ctx context.Context, project string) (*compose, error) {
	if err := exec.CommandContext(ctx, "docker", "version").Run(); err != nil {
		return nil, fmt.Errorf("asking docker for its version: %w", errors.Join(errNoEngine, err))
	}
	c := &compose{project: project}
	for _, tool := range [][]string{{"docker", "compose"}, {"docker-compose"}} {
		if exec.CommandContext(ctx, tool[0], append(tool[1:], "version")...).Run() == nil {
			c.tool = tool
			break
		}
	}
	if c.tool == nil {
		return nil, errors.New("looking for docker compose: install the docker-compose-plugin package, or docker-compose 1.29")
	}
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return nil, fmt.Errorf("looking for the module: run this inside it: %w", err)
	}
	c.root = strings.TrimSpace(string(out))
	c.scratch, err = os.MkdirTemp("", "meshpresence-image-")
	return c, err
}

func (c *compose) forget() { os.RemoveAll(c.scratch) }

// build makes the image from static binaries built here: the last stage of
// Dockerfile, without the first.
func (c *compose) build(ctx context.Context) error {
	arch, err := exec.CommandContext(ctx, "docker", "version", "--format", "{{.Server.Arch}}").Output()
	if err != nil {
		return fmt.Errorf("asking for the engine's architecture: %w", err)
	}
	files := filepath.Join(c.scratch, "root-fs")
	for _, dir := range []string{"state", "realm", "shared", "profile"} {
		if err := os.MkdirAll(filepath.Join(files, dir), 0o755); err != nil {
			return err
		}
	}
	for _, name := range []string{"cmd/presenced", "cmd/presence", "testnet/docker/device"} {
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(files, filepath.Base(name)), "./"+name)
		build.Dir = c.root
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+strings.TrimSpace(string(arch)))
		if err := quiet(build); err != nil {
			return fmt.Errorf("building %s: %w", name, err)
		}
	}
	recipe, err := lastStage(filepath.Join(c.root, "testnet", "docker", "Dockerfile"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(c.scratch, "Dockerfile"), recipe, 0o644); err != nil {
		return err
	}
	if err := quiet(exec.CommandContext(ctx, "docker", "build", "-t", image, c.scratch)); err != nil {
		return fmt.Errorf("building the image: %w", err)
	}
	return nil
}

// lastStage is the part of a Dockerfile that begins FROM scratch, taking its
// files from the build's directory.
func lastStage(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	_, last, ok := bytes.Cut(b, []byte("FROM scratch"))
	if !ok {
		return nil, fmt.Errorf("reading %s: it has no stage FROM scratch", path)
	}
	last = bytes.ReplaceAll(last, []byte("--from=build "), nil)
	last = bytes.ReplaceAll(last, []byte("/root-fs/ /"), []byte("root-fs/ /"))
	return append([]byte("FROM scratch"), last...), nil
}

// quiet runs a command and shows what it said only when it went wrong.
func quiet(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, bytes.TrimSpace(out))
	}
	return nil
}

// command is the compose tool with arguments.
func (c *compose) command(ctx context.Context, args ...string) *exec.Cmd {
	all := append(c.tool[1:len(c.tool):len(c.tool)], "-f", filepath.Join(c.root, "testnet", "docker", "compose.yaml"), "-p", c.project)
	return exec.CommandContext(ctx, c.tool[0], append(all, args...)...)
}

func (c *compose) up(ctx context.Context) error {
	if err := quiet(c.command(ctx, "up", "-d", "--no-build")); err != nil {
		return fmt.Errorf("starting the containers: %w", err)
	}
	return nil
}

// down takes away containers, networks and volumes, also after Ctrl-C.
func (c *compose) down() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	if err := quiet(c.command(ctx, "down", "-v", "--remove-orphans")); err != nil {
		return fmt.Errorf("stopping the containers: %w", err)
	}
	return nil
}

// kill ends a service's container as a power cut would.
func (c *compose) kill(ctx context.Context, service string) error {
	if err := quiet(c.command(ctx, "kill", "-s", "SIGKILL", service)); err != nil {
		return fmt.Errorf("killing %s: %w", service, err)
	}
	return nil
}

func (c *compose) start(ctx context.Context, service string) error {
	if err := quiet(c.command(ctx, "start", service)); err != nil {
		return fmt.Errorf("starting %s again: %w", service, err)
	}
	return nil
}

// logs runs the tool that prints the devices' lines as they come.
func (c *compose) logs(ctx context.Context, services ...string) (*exec.Cmd, io.Reader, error) {
	cmd := c.command(ctx, append([]string{"logs", "-f", "--no-color", "--no-log-prefix"}, services...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("following the logs: %w", err)
	}
	return cmd, out, nil
}

// health is what the engine says of a service's health check.
func (c *compose) health(ctx context.Context, service string) (string, error) {
	id, err := c.command(ctx, "ps", "-q", service).Output()
	if err != nil {
		return "", fmt.Errorf("looking for the container of %s: %w", service, err)
	}
	out, err := exec.CommandContext(ctx, "docker", "inspect", "-f", "{{.State.Health.Status}}", strings.TrimSpace(string(id))).Output()
	if err != nil {
		return "", fmt.Errorf("asking for the health of %s: %w", service, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// advice tells people what to try while it runs.
func (c *compose) advice() string {
	shown := "docker compose"
	if len(c.tool) == 1 {
		shown = c.tool[0]
	}
	shown += " -p " + c.project + " -f testnet/docker/compose.yaml"
	return "Try, in another terminal:\n" +
		"  " + shown + " kill n4        the laptop moves to another node\n" +
		"  " + shown + " start n4\n" +
		"  " + shown + " logs -f n2     what a node says\n" +
		"Ctrl-C stops everything and takes it away."
}
