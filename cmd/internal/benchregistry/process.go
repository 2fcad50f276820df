package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// process is a server that runs.
type process struct {
	url, token string
	cmd        *exec.Cmd
}

// start runs our program as a registry.
func start(program string, args ...string) (*process, error) {
	cmd := exec.Command(program, append([]string{"serve", "--json", "--listen", "127.0.0.1:0"}, args...)...)
	out, err := run(cmd)
	if err != nil {
		return nil, err
	}
	var first struct {
		Result struct{ URL, Token string }
	}
	if err := json.NewDecoder(out).Decode(&first); err != nil {
		return nil, fmt.Errorf("%s does not start: %w", program, err)
	}
	return &process{url: first.Result.URL, token: first.Result.Token, cmd: cmd}, nil
}

// startPeer runs this program as a file server.
func startPeer(dir string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-peer", dir)
	out, err := run(cmd)
	if err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	return &process{url: string(bytes.TrimSpace([]byte(line))), cmd: cmd}, err
}

func run(cmd *exec.Cmd) (io.Reader, error) {
	cmd.Stderr = io.Discard
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return out, cmd.Start()
}

// stop ends the server.
func (p *process) stop() {
	p.cmd.Process.Signal(os.Interrupt)
	p.cmd.Wait()
}

// peak is the most memory the process had, in MiB.
func (p *process) peak() (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(b) {
		if v, ok := bytes.CutPrefix(line, []byte("VmHWM:")); ok {
			n, err := strconv.ParseFloat(string(bytes.Fields(v)[0]), 64)
			return n / 1024, err
		}
	}
	return 0, fmt.Errorf("no VmHWM of process %d", p.cmd.Process.Pid)
}

// servePeer is the file server: it reads files, and syncs what is put, hashing nothing.
func servePeer(dir string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	files := http.FileServer(http.Dir(dir))
	fmt.Println("http://" + l.Addr().String())
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut {
			files.ServeHTTP(w, r)
			return
		}
		if err := putFile(filepath.Join(dir, filepath.Base(r.URL.Path)), r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}))
}

func putFile(path string, r io.Reader) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(f, r); err != nil {
		return err
	}
	return f.Sync()
}
