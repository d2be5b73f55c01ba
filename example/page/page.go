package page

import (
	"bytes"
	"embed"
	"html/template"
	"io/fs"
	"net/http"
)

//go:embed templates
var templates embed.FS

//go:embed style.css
var style string

// Page is what the layout reads. The data of a page embeds it.
type Page struct {
	Title    string
	Received Request
	Trail    []Request
}

// Style is the style sheet of all pages.
func (Page) Style() template.CSS { return template.CSS(style) }

// Parse returns the layout with the files of a service in it, which define the templates "nav" and "body".
func Parse(files fs.FS, names ...string) *template.Template {
	layout := template.Must(template.ParseFS(templates, "templates/*.html"))
	return template.Must(layout.ParseFS(files, names...))
}

// Show writes a page.
func Show(w http.ResponseWriter, status int, parsed *template.Template, data any) {
	write(w, status, parsed, "layout.html", data)
}

// behind is the part of a page that shows what came with the requests.
var behind = template.Must(template.ParseFS(templates, "templates/behind.html"))

// ShowTrail writes the table of the last requests alone, for a page that brings it up to date.
func ShowTrail(w http.ResponseWriter, trail *Trail) {
	write(w, http.StatusOK, behind, "trail", Page{Trail: trail.Newest()})
}

func write(w http.ResponseWriter, status int, parsed *template.Template, name string, data any) {
	var text bytes.Buffer
	if err := parsed.ExecuteTemplate(&text, name, data); err != nil {
		http.Error(w, "the page could not be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = text.WriteTo(w)
}

// Protect sets the headers that keep a page to itself: no other site may frame it, and no cache keeps it. Scripts and
// connections come from the page's own origin alone.
func Protect(header http.Header) {
	header.Set("Cache-Control", "private, no-store")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; "+
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "same-origin")
}
