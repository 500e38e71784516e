// Decls splits Go files into segments, one for each top-level declaration. It reads a JSON request
// and writes a JSON list of results, one for each file. Where the request has the whole library that
// the files belong to, it is type-checked, and each segment tells what it declares and uses.
package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"go/types"
	"hash"
	"log"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
)

// A source is a Go file.
type source struct {
	Path string `json:"path"` // within the GOROOT, as src/runtime/malloc.go
	Text string `json:"text"`
}

type request struct {
	Files   []source          `json:"files"`
	Library []source          `json:"library"` // all Go files of a GOROOT that a program uses; may be empty
	Moved   map[string]string `json:"moved"`   // packages that are known by another name in keys
}

// A symbol is something that a declaration declares at package level.
type symbol struct {
	Name  string `json:"name"` // as stack traces name it: f, T.m, (*T).m
	Start int    `json:"start"`
	End   int    `json:"end"`
}

// A segment is a part of a file; all segments together are the file, byte for byte.
type segment struct {
	Kind       string   `json:"kind"` // head, imports, const, func, type, var, tail
	Symbols    []symbol `json:"symbols"`
	Start      int      `json:"start"`
	End        int      `json:"end"`
	Code       string   `json:"code"`       // a digest without comments, but with directives; empty without any
	Signatures []string `json:"signatures"` // keys with their types
	Defines    []string `json:"defines"`    // keys of objects, as runtime.mallocgc, runtime.mspan.base
	Uses       []string `json:"uses"`       // keys of objects, those without a body here among them
	Qualifiers []string `json:"qualifiers"` // what may be a package's name: the x of x.Sel

	code  hash.Hash
	coded bool
}

func (s *segment) write(text string) {
	s.code.Write([]byte(text))
	s.coded = true
}

type imported struct {
	Name string `json:"name"` // empty if the import does not say it
	Path string `json:"path"`
}

type result struct {
	Error     string     `json:"error"`
	Imports   []imported `json:"imports"`
	Segments []segment  `json:"segments"`
}

func main() {
	var req request
	if err := json.NewDecoder(os.Stdin).Decode(&req); err != nil {
		log.Fatal(err)
	}
	lib := newLibrary(req)
	results := make([]result, len(req.Files))
	for i, file := range req.Files {
		results[i] = split(file, lib)
	}
	if err := json.NewEncoder(os.Stdout).Encode(results); err != nil {
		log.Fatal(err)
	}
}

// split takes a file apart; one that cannot be parsed has an error only.
func split(src source, lib *library) result {
	parsed := lib.files[src.Path]
	if parsed == nil || lib.texts[src.Path] != src.Text {
		var err error
		parsed, err = parser.ParseFile(lib.set, "", src.Text, parser.ParseComments)
		if err != nil {
			return result{Error: err.Error()}
		}
	}
	s := splitter{text: []byte(src.Text), set: lib.set, file: parsed, library: lib}
	s.split()
	s.digest()
	s.linknames(lib.key(path.Dir(strings.TrimPrefix(src.Path, "src/"))))
	res := result{Imports: []imported{}}
	for _, spec := range parsed.Imports {
		i := imported{Path: importPath(spec)}
		if spec.Name != nil {
			i.Name = spec.Name.Name
		}
		res.Imports = append(res.Imports, i)
	}
	for _, part := range s.parts {
		if part.coded {
			part.Code = hex.EncodeToString(part.code.Sum(nil))
		}
		for _, names := range []*[]string{&part.Signatures, &part.Defines, &part.Uses, &part.Qualifiers} {
			slices.Sort(*names)
			*names = append([]string{}, slices.Compact(*names)...)
		}
		res.Segments = append(res.Segments, *part)
	}
	return res
}

func importPath(spec *ast.ImportSpec) string { return strings.Trim(spec.Path.Value, "\"`") }

// A library is type-checked as far as it can be.
type library struct {
	set      *token.FileSet
	texts    map[string]string
	files    map[string]*ast.File   // by path
	packages map[string][]*ast.File // by import path
	checked  map[string]*types.Package
	moved    map[string]string
	info     types.Info
	members  map[types.Object]string // keys of fields and of methods of interfaces
}

func newLibrary(req request) *library {
	lib := &library{
		set:      token.NewFileSet(),
		texts:    map[string]string{},
		files:    map[string]*ast.File{},
		packages: map[string][]*ast.File{},
		checked:  map[string]*types.Package{"unsafe": types.Unsafe},
		moved:    req.Moved,
		info:     types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}},
		members:  map[types.Object]string{},
	}
	for _, src := range req.Library {
		file, err := parser.ParseFile(lib.set, "", src.Text, parser.ParseComments)
		if err != nil {
			continue
		}
		pkg := path.Dir(strings.TrimPrefix(src.Path, "src/"))
		lib.texts[src.Path], lib.files[src.Path] = src.Text, file
		lib.packages[pkg] = append(lib.packages[pkg], file)
	}
	for pkg := range lib.packages {
		lib.check(pkg)
	}
	return lib
}

// Import is for the type checker.
func (l *library) Import(name string) (*types.Package, error) {
	if _, ok := l.packages["vendor/"+name]; ok {
		name = "vendor/" + name
	}
	return l.check(name), nil
}

func (l *library) check(name string) *types.Package {
	if pkg, ok := l.checked[name]; ok {
		return pkg
	}
	l.checked[name] = nil // no package imports itself
	config := types.Config{
		Importer: l, FakeImportC: true, Error: func(error) {}, Sizes: types.SizesFor("gc", runtime.GOARCH),
	}
	pkg, _ := config.Check(name, l.set, l.packages[name], &l.info) // what has errors is checked in part
	l.checked[name] = pkg
	for _, file := range l.packages[name] {
		for _, decl := range file.Decls {
			l.own(l.key(name), decl)
		}
	}
	return pkg
}

// own names the members of types after the declaration that holds them.
func (l *library) own(pkg string, decl ast.Decl) {
	general, ok := decl.(*ast.GenDecl)
	if !ok {
		return
	}
	for _, spec := range general.Specs {
		var owner string
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			owner = spec.Name.Name
		case *ast.ValueSpec:
			owner = spec.Names[0].Name
		}
		ast.Inspect(spec, func(node ast.Node) bool {
			if id, ok := node.(*ast.Ident); ok && isMember(l.info.Defs[id]) {
				l.members[l.info.Defs[id]] = pkg + "." + owner + "." + id.Name
			}
			return true
		})
	}
}

func isMember(object types.Object) bool {
	switch o := object.(type) {
	case *types.Var:
		return o.IsField()
	case *types.Func:
		recv := o.Type().(*types.Signature).Recv()
		return recv != nil && types.IsInterface(recv.Type())
	}
	return false
}

// key is how a package is called in keys.
func (l *library) key(pkg string) string {
	if name, ok := l.moved[pkg]; ok {
		return name
	}
	return pkg
}

func (l *library) qualifier(pkg *types.Package) string { return l.key(pkg.Path()) }

// object gives the key of what an identifier stands for; none where that is local or built in.
func (l *library) object(object types.Object) string {
	switch o := object.(type) {
	case nil, *types.PkgName, *types.Label:
		return ""
	case *types.Var:
		object = o.Origin()
	case *types.Func:
		object = o.Origin()
		recv := o.Type().(*types.Signature).Recv()
		if recv != nil && !types.IsInterface(recv.Type()) {
			return l.method(o, recv.Type())
		}
	}
	if key, ok := l.members[object]; ok {
		return key
	}
	if object.Pkg() == nil || object.Parent() != object.Pkg().Scope() {
		return ""
	}
	return l.qualifier(object.Pkg()) + "." + object.Name()
}

func (l *library) method(function *types.Func, recv types.Type) string {
	if pointer, ok := recv.(*types.Pointer); ok {
		recv = pointer.Elem()
	}
	named, ok := recv.(*types.Named)
	if !ok || function.Pkg() == nil {
		return ""
	}
	return l.qualifier(function.Pkg()) + "." + named.Obj().Name() + "." + function.Name()
}

// signature is an object's type, as far as others depend on it; none for what has members.
func (l *library) signature(object types.Object) string {
	typ := object.Type()
	if _, ok := object.(*types.TypeName); ok {
		typ = typ.Underlying()
	}
	switch typ.(type) {
	case *types.Struct, *types.Interface:
		return ""
	}
	if function, ok := typ.(*types.Signature); ok {
		return l.unnamed(function.Params()) + l.unnamed(function.Results())
	}
	return types.TypeString(typ, l.qualifier)
}

// unnamed tells the types of parameters, whose names nobody depends on.
func (l *library) unnamed(parameters *types.Tuple) string {
	words := []string{}
	for i := 0; i < parameters.Len(); i++ {
		words = append(words, types.TypeString(parameters.At(i).Type(), l.qualifier))
	}
	return "(" + strings.Join(words, ", ") + ")"
}

type splitter struct {
	text  []byte
	set   *token.FileSet
	file  *ast.File
	parts []*segment

	library *library
}

func (s *splitter) offset(pos token.Pos) int { return s.set.PositionFor(pos, false).Offset }

// lineEnd is the offset after the line that holds an offset, or after a comment that goes on there.
func (s *splitter) lineEnd(offset int) int {
	next := bytes.IndexByte(s.text[offset:], '\n')
	if next < 0 {
		return len(s.text)
	}
	end := offset + next + 1
	after, _ := slices.BinarySearchFunc(s.file.Comments, end, func(c *ast.CommentGroup, end int) int {
		return cmp.Compare(s.offset(c.End()), end+1)
	})
	if after < len(s.file.Comments) {
		for _, comment := range s.file.Comments[after].List {
			if s.offset(comment.Pos()) < end && end < s.offset(comment.End()) {
				return s.lineEnd(s.offset(comment.End()))
			}
		}
	}
	return end
}

func (s *splitter) split() {
	s.add("head", s.lineEnd(s.offset(s.file.Name.End())))
	imports, decls := s.end(), []ast.Decl{}
	for _, decl := range s.file.Decls {
		if d, ok := decl.(*ast.GenDecl); ok && d.Tok == token.IMPORT {
			imports = s.lineEnd(s.offset(decl.End()))
		} else {
			decls = append(decls, decl)
		}
	}
	s.add("imports", imports)
	for _, decl := range decls {
		part := s.parts[len(s.parts)-1]
		if s.offset(decl.Pos()) >= s.end() { // else it shares a line with the one before
			part = s.add(kind(decl), 0)
		}
		part.End = s.lineEnd(s.offset(decl.End()))
		s.describe(part, decl)
	}
	s.add("tail", len(s.text))
}

func (s *splitter) end() int {
	if len(s.parts) == 0 {
		return 0
	}
	return s.parts[len(s.parts)-1].End
}

func (s *splitter) add(kind string, end int) *segment {
	part := &segment{Kind: kind, Start: s.end(), End: max(end, s.end()), Symbols: []symbol{}, code: sha256.New()}
	s.parts = append(s.parts, part)
	return part
}

func kind(decl ast.Decl) string {
	if d, ok := decl.(*ast.GenDecl); ok {
		return d.Tok.String()
	}
	return "func"
}

// describe notes what a declaration declares and uses.
func (s *splitter) describe(part *segment, decl ast.Decl) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		s.declare(part, method(d), part.Start, part.End)
		if key := s.library.object(s.library.info.Defs[d.Name]); key != "" && d.Body == nil {
			part.Uses = append(part.Uses, key) // something else defines it
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			start, end := s.offset(spec.Pos()), s.offset(spec.End())
			if len(d.Specs) == 1 {
				start, end = part.Start, part.End
			}
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				s.declare(part, spec.Name.Name, start, end)
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					s.declare(part, name.Name, start, end)
				}
			}
		}
	}
	ast.Inspect(decl, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.Ident:
			s.refer(part, n)
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Obj == nil {
				part.Qualifiers = append(part.Qualifiers, x.Name)
			}
		}
		return true
	})
}

// refer notes an identifier's object.
func (s *splitter) refer(part *segment, id *ast.Ident) {
	if key := s.library.object(s.library.info.Uses[id]); key != "" {
		part.Uses = append(part.Uses, key)
	}
	object := s.library.info.Defs[id]
	key := s.library.object(object)
	if key == "" || id.Name == "_" || key[strings.LastIndex(key, ".")+1:] == "init" {
		return
	}
	part.Defines = append(part.Defines, key)
	if text := s.library.signature(object); text != "" {
		part.Signatures = append(part.Signatures, key+" "+text)
	}
}

// linknames notes what go:linkname directives take from elsewhere, or give.
func (s *splitter) linknames(pkg string) {
	bodies := map[string]bool{}
	for _, decl := range s.file.Decls {
		if d, ok := decl.(*ast.FuncDecl); ok && d.Recv == nil {
			bodies[d.Name.Name] = d.Body != nil
		}
	}
	for _, group := range s.file.Comments {
		for _, comment := range group.List {
			words := strings.Fields(comment.Text)
			if len(words) != 3 || words[0] != "//go:linkname" || words[2] == pkg+"."+words[1] {
				continue
			}
			part := s.at(s.offset(comment.Pos()))
			if bodies[words[1]] {
				part.Defines = append(part.Defines, words[2])
			} else {
				part.Uses = append(part.Uses, words[2])
			}
		}
	}
}

func (s *splitter) declare(part *segment, name string, start, end int) {
	part.Symbols = append(part.Symbols, symbol{name, start, end})
}

func method(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return d.Name.Name
	}
	form := "%."
	recv := unparen(d.Recv.List[0].Type)
	if star, ok := recv.(*ast.StarExpr); ok {
		form, recv = "(*%).", unparen(star.X)
	}
	switch generic := recv.(type) {
	case *ast.IndexExpr:
		recv = generic.X
	case *ast.IndexListExpr:
		recv = generic.X
	}
	if base, ok := recv.(*ast.Ident); ok {
		return strings.Replace(form, "%", base.Name, 1) + d.Name.Name
	}
	return d.Name.Name
}

// unparen is ast.Unparen, which Go 1.21 lacks.
func unparen(expr ast.Expr) ast.Expr {
	for {
		paren, ok := expr.(*ast.ParenExpr)
		if !ok {
			return expr
		}
		expr = paren.X
	}
}

// digest fills in what each segment is to the compiler.
func (s *splitter) digest() {
	if usesC(s.file) { // the comment before it is a program
		imports := s.parts[1]
		imports.write(string(s.text[imports.Start:imports.End]))
	}
	var scan scanner.Scanner
	file := token.NewFileSet().AddFile("", -1, len(s.text))
	scan.Init(file, s.text, nil, scanner.ScanComments)
	for {
		pos, tok, literal := scan.Scan()
		if tok == token.EOF {
			return
		}
		if tok == token.COMMENT && !directive(literal) {
			continue
		}
		if tok == token.SEMICOLON {
			literal = ""
		}
		s.at(file.Offset(pos)).write(tok.String() + "\x00" + literal + "\n")
	}
}

// at is the segment that holds an offset.
func (s *splitter) at(offset int) *segment {
	at, found := slices.BinarySearchFunc(s.parts, offset, func(p *segment, offset int) int {
		return cmp.Compare(p.Start, offset)
	})
	for found && s.parts[at].Start == s.parts[at].End { // empty ones share a start
		at++
	}
	if !found {
		at--
	}
	return s.parts[at]
}

func usesC(file *ast.File) bool {
	return slices.ContainsFunc(file.Imports, func(spec *ast.ImportSpec) bool { return spec.Path.Value == `"C"` })
}

func directive(comment string) bool {
	for _, prefix := range []string{"//go:", "//line ", "/*line ", "//export ", "// +build"} {
		if strings.HasPrefix(comment, prefix) {
			return true
		}
	}
	return false
}
