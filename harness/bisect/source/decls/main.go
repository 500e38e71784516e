// Decls splits Go files into stretches, one for each top-level declaration, and tells what each of
// them declares and uses. It reads a JSON list of texts and writes a JSON list of results.
package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/scanner"
	"go/token"
	"hash"
	"log"
	"os"
	"slices"
	"strings"
)

// A symbol is something that a declaration declares at package level.
type symbol struct {
	Name  string `json:"name"` // as stack traces name it: f, T.m, (*T).m
	Start int    `json:"start"`
	End   int    `json:"end"`
}

// A stretch is a part of a file; all stretches together are the file, byte for byte.
type stretch struct {
	Kind       string   `json:"kind"` // head, imports, const, func, type, var, tail
	Symbols    []symbol `json:"symbols"`
	Start      int      `json:"start"`
	End        int      `json:"end"`
	Code       string   `json:"code"`       // a digest without comments, but with directives; empty without any
	Signatures []string `json:"signatures"` // names with their types, those of fields too
	Defines    []string `json:"defines"`    // names, those of fields and methods too
	Uses       []string `json:"uses"`       // all identifiers
	Qualifiers []string `json:"qualifiers"` // what may be a package's name: the x of x.Sel

	code  hash.Hash
	coded bool
}

func (s *stretch) write(text string) {
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
	Stretches []stretch  `json:"stretches"`
}

func main() {
	var texts []string
	if err := json.NewDecoder(os.Stdin).Decode(&texts); err != nil {
		log.Fatal(err)
	}
	results := make([]result, len(texts))
	for i, text := range texts {
		results[i] = split([]byte(text))
	}
	if err := json.NewEncoder(os.Stdout).Encode(results); err != nil {
		log.Fatal(err)
	}
}

// split takes a file apart; one that cannot be parsed has an error only.
func split(text []byte) result {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", text, parser.ParseComments)
	if err != nil {
		return result{Error: err.Error()}
	}
	s := splitter{text: text, set: set, file: file}
	s.split()
	s.digest()
	res := result{Imports: []imported{}}
	for _, spec := range file.Imports {
		i := imported{Path: strings.Trim(spec.Path.Value, "\"`")}
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
		res.Stretches = append(res.Stretches, *part)
	}
	return res
}

type splitter struct {
	text  []byte
	set   *token.FileSet
	file  *ast.File
	parts []*stretch
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

func (s *splitter) add(kind string, end int) *stretch {
	part := &stretch{Kind: kind, Start: s.end(), End: max(end, s.end()), Symbols: []symbol{}, code: sha256.New()}
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
func (s *splitter) describe(part *stretch, decl ast.Decl) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		s.declare(part, method(d), part.Start, part.End)
		part.Defines = append(part.Defines, d.Name.Name)
		s.sign(part, d.Name, d.Type)
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			start, end := s.offset(spec.Pos()), s.offset(spec.End())
			if len(d.Specs) == 1 {
				start, end = part.Start, part.End
			}
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				s.declare(part, spec.Name.Name, start, end)
				part.Defines = append(part.Defines, spec.Name.Name)
				s.members(part, spec)
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					s.declare(part, name.Name, start, end)
					part.Defines = append(part.Defines, name.Name)
					s.sign(part, name, spec.Type)
				}
			}
		}
	}
	ast.Inspect(decl, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.Ident:
			part.Uses = append(part.Uses, n.Name)
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Obj == nil {
				part.Qualifiers = append(part.Qualifiers, x.Name)
			}
		}
		return true
	})
}

func (s *splitter) declare(part *stretch, name string, start, end int) {
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

// sign notes what type a name has, if the declaration says it.
func (s *splitter) sign(part *stretch, name *ast.Ident, typ ast.Expr) {
	var text bytes.Buffer
	if typ != nil && printer.Fprint(&text, s.set, typ) == nil {
		part.Signatures = append(part.Signatures, name.Name+" "+text.String())
	}
}

// members notes a type's fields and interface methods; or of another type, what it stands for.
func (s *splitter) members(part *stretch, spec *ast.TypeSpec) {
	has := false
	ast.Inspect(spec.Type, func(node ast.Node) bool {
		var fields *ast.FieldList
		switch n := node.(type) {
		case *ast.StructType:
			fields = n.Fields
		case *ast.InterfaceType:
			fields = n.Methods
		case *ast.FuncType:
			return false
		}
		if fields == nil {
			return true
		}
		has = true
		for _, field := range fields.List {
			for _, name := range field.Names {
				part.Defines = append(part.Defines, name.Name)
				s.sign(part, name, field.Type)
			}
		}
		return true
	})
	if !has {
		s.sign(part, spec.Name, spec.Type)
	}
}

// digest fills in what each stretch is to the compiler.
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
		offset := file.Offset(pos)
		at, found := slices.BinarySearchFunc(s.parts, offset, func(p *stretch, offset int) int {
			return cmp.Compare(p.Start, offset)
		})
		for found && s.parts[at].Start == s.parts[at].End { // empty ones share a start
			at++
		}
		if !found {
			at--
		}
		s.parts[at].write(tok.String() + "\x00" + literal + "\n")
	}
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
