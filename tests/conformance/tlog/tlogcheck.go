// Our log through the eyes of golang.org/x/mod/sumdb, which knows nothing of Tamis.
//
//	tlogcheck export DIR            one checkpoint, every entry under it, read from tiles and bundles
//	tlogcheck sizes DIR < proofs    what tlog_logs wrote: every size, all of our proofs
//	tlogcheck tamper DIR            the same log with bits flipped: each flip must be refused
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

func must(err error, what ...interface{}) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "tlogcheck:", fmt.Sprint(what...), err)
		os.Exit(1)
	}
}

func claim(holds bool, what ...interface{}) {
	if !holds {
		must(errors.New("does not hold"), what...)
	}
}

// group writes N in three digits, all groups but the last behind an x.
func group(n int64) string {
	s := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		s = fmt.Sprintf("x%03d/%s", n%1000, s)
	}
	return s
}

// folder reads C2SP tiles. tamper, when set, changes what was read.
type folder struct {
	path   string
	tamper func(name string, data []byte)
}

func (f *folder) read(name string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(f.path, name))
	if err == nil && f.tamper != nil {
		f.tamper(name, data)
	}
	return data, err
}

func (f *folder) Height() int { return height }

// ReadTiles leaves out the height, which C2SP paths do not have. A partial tile that has become full
// is the first part of it.
func (f *folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, t := range tiles {
		name := fmt.Sprintf("tile/%d/%s", t.L, group(t.N))
		var data []byte
		err := os.ErrNotExist
		if t.W < 1<<height {
			data, err = f.read(name + ".p/" + strconv.Itoa(t.W))
		}
		if errors.Is(err, os.ErrNotExist) {
			data, err = f.read(name)
		}
		if err != nil {
			return nil, err
		}
		if len(data) < t.W*tlog.HashSize {
			return nil, fmt.Errorf("%s is short", name)
		}
		out = append(out, data[:t.W*tlog.HashSize])
	}
	return out, nil
}

func (f *folder) SaveTiles([]tlog.Tile, [][]byte) {}

func bundle(data []byte) ([][]byte, error) {
	var entries [][]byte
	for len(data) > 0 {
		if len(data) < 2 {
			return nil, errors.New("half a length")
		}
		length := int(data[0])<<8 | int(data[1])
		if len(data) < 2+length {
			return nil, errors.New("half an entry")
		}
		entries = append(entries, data[2:2+length])
		data = data[2+length:]
	}
	return entries, nil
}

func (f *folder) entries(size int64) ([][]byte, error) {
	var all [][]byte
	for n := int64(0); n*256 < size; n++ {
		name, width := "tile/entries/"+group(n), size-n*256
		if width < 256 {
			name += ".p/" + strconv.FormatInt(width, 10)
		}
		data, err := f.read(name)
		if err != nil {
			return nil, err
		}
		some, err := bundle(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %v", name, err)
		}
		all = append(all, some...)
	}
	if int64(len(all)) != size {
		return nil, fmt.Errorf("%d entries, not %d", len(all), size)
	}
	return all, nil
}

// open checks the note and reads the three lines.
func open(data []byte, vkey string) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	n, err := note.Open(data, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("not a checkpoint: %q", n.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	hash, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: hash}, err
}

func vkeyOf(path string) string {
	data, err := os.ReadFile(filepath.Join(path, "log.vkey"))
	must(err)
	return strings.TrimSpace(string(data))
}

// leaves reads every leaf hash through the tiles, which authenticates all of them against the root.
func leaves(tree tlog.Tree, f *folder) ([]tlog.Hash, error) {
	indexes := make([]int64, tree.N)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, int64(i))
	}
	return tlog.TileHashReader(tree, f).ReadHashes(indexes)
}

// stored is a tree of their making over entries of ours.
func stored(entries [][]byte) ([]tlog.Hash, tlog.HashReader) {
	var all []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range indexes {
			out = append(out, all[i])
		}
		return out, nil
	})
	var records []tlog.Hash
	for i, entry := range entries {
		hashes, err := tlog.StoredHashes(int64(i), entry, reader)
		must(err)
		all = append(all, hashes...)
		records = append(records, hashes[0])
	}
	return records, reader
}

// rooted holds the entries themselves against the root.
func rooted(tree tlog.Tree, reader tlog.HashReader) error {
	if tree.N == 0 {
		if tree.Hash != tlog.Hash(sha256.Sum256(nil)) {
			return errors.New("the root of nothing")
		}
		return nil
	}
	hash, err := tlog.TreeHash(tree.N, reader)
	if err == nil && hash != tree.Hash {
		err = errors.New("the entries do not give the root")
	}
	return err
}

// inTiles holds the tiles against root and entries, and makes some proofs from them. The comparison
// with the entries is needed: TileHashReader of x/mod 0.7.0 begins to authenticate full tiles at the
// number of subtrees of the root, not at the number of tiles that hold them, and so passes over some
// (of 600 entries, tile/0/000 and tile/0/001).
func inTiles(tree tlog.Tree, f *folder, records []tlog.Hash) error {
	if tree.N == 0 {
		return nil
	}
	hashes, err := leaves(tree, f)
	if err != nil {
		return err
	}
	for i, hash := range hashes {
		if hash != records[i] {
			return fmt.Errorf("entry %d is not the leaf in its tile", i)
		}
	}
	reader := tlog.TileHashReader(tree, f)
	for _, i := range []int64{0, tree.N / 3, tree.N - 1} {
		proof, err := tlog.ProveRecord(tree.N, i, reader)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, i, hashes[i]); err != nil {
			return fmt.Errorf("inclusion of %d in %d: %v", i, tree.N, err)
		}
	}
	return nil
}

func checkExport(path string) {
	f := &folder{path: path}
	data, err := f.read("checkpoint")
	must(err)
	tree, err := open(data, vkeyOf(path))
	must(err, "checkpoint: ")
	entries, err := f.entries(tree.N)
	must(err, "bundles: ")
	records, reader := stored(entries)
	must(rooted(tree, reader))
	must(inTiles(tree, f, records))
	fmt.Printf("%d entries under a good checkpoint\n", tree.N)
}

func readProof(in *bufio.Reader) []tlog.Hash {
	count, err := in.ReadByte()
	must(err, "proofs: ")
	proof := make([]tlog.Hash, count)
	for i := range proof {
		_, err := io.ReadFull(in, proof[i][:])
		must(err, "proofs: ")
	}
	return proof
}

func readTrees(path string) []tlog.Tree {
	var trees []tlog.Tree
	for n := 0; ; n++ {
		data, err := os.ReadFile(filepath.Join(path, "checkpoints", strconv.Itoa(n)))
		if errors.Is(err, os.ErrNotExist) {
			return trees
		}
		must(err)
		tree, err := open(data, vkeyOf(path))
		must(err, "checkpoint ", n, ": ")
		claim(tree.N == int64(n), "checkpoint of size ", n)
		trees = append(trees, tree)
	}
}

func checkSizes(path string) {
	in := bufio.NewReader(bytes.NewReader(collect(os.Stdin))) // all, before tiles are read: then the writer is done
	f := &folder{path: path}
	inclusions, growths, longest := 0, 0, 0
	trees := readTrees(path)
	last := trees[len(trees)-1]
	entries, err := f.entries(last.N)
	must(err, "bundles: ")
	for _, entry := range entries {
		if len(entry) > longest {
			longest = len(entry)
		}
	}
	records, reader := stored(entries)
	claim(len(trees) == 601 && longest == 65535, "600 entries, one of 65,535 bytes")
	for _, tree := range trees {
		must(rooted(tree, reader), "size ", tree.N, ": ")
		must(inTiles(tree, f, records), "size ", tree.N, ": ")
		for i := int64(0); i < tree.N; i++ {
			proof := readProof(in)
			must(tlog.CheckRecord(proof, tree.N, tree.Hash, i, records[i]), "our proof of ", i, " in ",
				tree.N, ": ")
			inclusions++
		}
		for m := int64(1); m <= tree.N; m++ {
			proof := readProof(in)
			must(tlog.CheckTree(proof, tree.N, tree.Hash, m, trees[m].Hash), "our proof of ", m, " to ", tree.N, ": ")
			growths++
		}
		for _, m := range []int64{1, tree.N / 2, tree.N - 1} { // and theirs, from our tiles
			if m < 1 || m >= tree.N {
				continue
			}
			proof, err := tlog.ProveTree(tree.N, m, tlog.TileHashReader(tree, f))
			must(err)
			must(tlog.CheckTree(proof, tree.N, tree.Hash, m, trees[m].Hash))
		}
	}
	_, err = in.ReadByte()
	claim(err == io.EOF, "nothing after the proofs")
	fmt.Printf("%d sizes, %d inclusion and %d consistency proofs of ours accepted\n", len(trees), inclusions, growths)
}

func collect(in io.Reader) []byte {
	data, err := io.ReadAll(in)
	must(err, "proofs: ")
	return data
}

func flip(target string, at, bit int) func(string, []byte) {
	return func(name string, data []byte) {
		if name == target && at < len(data) {
			data[at] ^= 1 << bit
		}
	}
}

// checkTamper flips one bit of every byte of every hash tile, every bit of the checkpoint, and a bit
// of every entry, one after the other.
func checkTamper(path string) {
	trees, vkey := readTrees(path), vkeyOf(path)
	tree := trees[len(trees)-1]
	good := &folder{path: path}
	entries, err := good.entries(tree.N)
	must(err)
	records, reader := stored(entries)
	must(rooted(tree, reader))
	must(inTiles(tree, good, records))
	flips := 0
	must(filepath.Walk(filepath.Join(path, "tile"), func(at string, info os.FileInfo, err error) error {
		name, _ := filepath.Rel(path, at)
		used := strings.HasSuffix(name, fmt.Sprintf(".p/%d", tree.N%256)) || name == fmt.Sprintf("tile/1/000.p/%d", tree.N/256) ||
			!strings.Contains(name, ".p")
		if err != nil || info.IsDir() || strings.HasPrefix(name, "tile/entries") || !used {
			return err
		}
		for i := 0; i < int(info.Size()); i++ {
			f := &folder{path, flip(name, i, i%8)}
			claim(inTiles(tree, f, records) != nil, "a flipped bit at ", i, " of ", name, " was taken")
			flips++
		}
		return nil
	}))
	claim(flips == 32*(256+256+88+2), "all of four tiles, not ", flips)
	data, err := os.ReadFile(filepath.Join(path, "checkpoints", strconv.Itoa(int(tree.N))))
	must(err)
	for i := 0; i < 8*len(data); i++ {
		data[i/8] ^= 1 << (i % 8)
		_, err := open(data, vkey)
		claim(err != nil, "bit ", i, " of the checkpoint")
		data[i/8] ^= 1 << (i % 8)
		flips++
	}
	for i, entry := range entries {
		if len(entry) == 0 {
			continue
		}
		entry[i%len(entry)] ^= 1 << (i % 8)
		claim(tlog.RecordHash(entry) != records[i], "a flipped bit of entry ", i)
		entry[i%len(entry)] ^= 1 << (i % 8)
		flips++
	}
	fmt.Printf("%d flipped bits, all refused\n", flips)
}

func main() {
	modes := map[string]func(string){"export": checkExport, "sizes": checkSizes, "tamper": checkTamper}
	if len(os.Args) != 3 || modes[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: tlogcheck export|sizes|tamper DIR")
		os.Exit(2)
	}
	modes[os.Args[1]](os.Args[2])
}
