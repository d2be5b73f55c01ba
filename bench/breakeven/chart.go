package breakeven

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/template"
	"time"
)

// The chart's two panels are of this size, in pixels.
const (
	width, height = 380.0, 300.0
	left, top     = 70.0, 70.0 // of the first panel
	between       = 95.0
)

// colours are those of the look-ups.
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7"}

func colourOf(i int) string { return colours[i%len(colours)] }

// axis is a logarithmic axis.
type axis struct{ from, to, length float64 }

func (a axis) at(value float64) float64 {
	return math.Log10(value/a.from) / math.Log10(a.to/a.from) * a.length
}

// panel is one of the two diagrams.
type panel struct {
	Title, Across, Up string
	Left              float64
	Marks             []mark
	Curves            []curve

	x, y axis
}

// mark is a line of the grid with its value.
type mark struct {
	X1, Y1, X2, Y2, TextX, TextY float64
	Anchor, Text                 string
}

// curve is a line with its colour. A dot is where the token begins to win; nothing is drawn for one without a colour.
type curve struct {
	Points, Colour, Dashes string
	DotX, DotY             float64
	Dot                    bool
}

// picture is the whole chart, and key one line of its legend.
type picture struct {
	Panels                                                          []panel
	Legend                                                          []key
	Width, Height, PanelWidth, PanelHeight, Left, Top, Bottom, Foot float64
}

type key struct {
	X, Y         float64
	Colour, Text string
}

// Draw draws the figures as an SVG.
func (f Figures) Draw(to io.Writer) error {
	drawn := picture{
		Panels: []panel{f.time(), f.wire()}, Left: left, Top: top, Bottom: top + height, PanelWidth: width, PanelHeight: height,
		Width: left + 2*width + between + 20,
	}
	for i, by := range f.LookUps {
		drawn.Legend = append(drawn.Legend, key{left, top + height + 64 + 20*float64(i), colourOf(i), strings.ReplaceAll(by.Name, "`", "")})
	}
	drawn.Foot = top + height + 68 + 20*float64(len(f.LookUps))
	drawn.Height = drawn.Foot + 16
	return drawing.Execute(to, drawn)
}

// time is the time of a request by how many requests a token serves.
func (f Figures) time() panel {
	p := panel{
		Title: "Time of a request", Across: "requests that a token serves", Up: "µs (dashed: a look-up each; line: with tokens)",
		Left: left, x: axis{1, 1000, width}, y: axis{0.5, 2000, height},
	}
	p.grid([]float64{1, 3, 10, 30, 100, 300, 1000}, []float64{1, 10, 100, 1000})
	for i, by := range f.LookUps {
		p.add(colourOf(i), "6 4", func(float64) time.Duration { return by.Time })
		p.add(colourOf(i), "", func(requests float64) time.Duration { return f.Average(by, requests) })
		if from := f.PaysFrom(by); from > 0 {
			p.dot(float64(from), by.Time)
		}
	}
	return p
}

// wire is how long the bytes of a token take by the speed of the link.
func (f Figures) wire() panel {
	p := panel{
		Title: "Bytes on the wire", Across: "Mbit/s of the link", Up: "µs (dashed: what a token saves; black: sending it)",
		Left: left + width + between, x: axis{1, 1000, width}, y: axis{0.5, 5000, height},
	}
	p.grid([]float64{1, 3, 10, 30, 100, 300, 1000}, []float64{1, 10, 100, 1000})
	p.add("#000", "", f.Sending)
	for i, by := range f.LookUps {
		if f.Saves(by) <= 0 {
			continue
		}
		p.add(colourOf(i), "6 4", func(float64) time.Duration { return f.Saves(by) })
		p.dot(f.AsLongAt(by), f.Saves(by))
	}
	return p
}

func (p *panel) grid(across, up []float64) {
	for _, value := range across {
		x := p.Left + p.x.at(value)
		p.Marks = append(p.Marks, mark{x, top, x, top + height, x, top + height + 16, "middle", fmt.Sprint(value)})
	}
	for _, value := range up {
		y := top + height - p.y.at(value)
		p.Marks = append(p.Marks, mark{p.Left, y, p.Left + width, y, p.Left - 6, y + 4, "end", fmt.Sprint(value)})
	}
}

// point returns where a value is, inside of the panel.
func (p *panel) point(x float64, y time.Duration) (float64, float64) {
	value := max(float64(y)/float64(time.Microsecond), p.y.from)
	return p.Left + min(max(p.x.at(x), 0), width), top + height - min(max(p.y.at(value), 0), height)
}

func (p *panel) add(colour, dashes string, of func(x float64) time.Duration) {
	const steps = 60
	var points []string
	for i := range steps + 1 {
		value := p.x.from * math.Pow(p.x.to/p.x.from, float64(i)/steps)
		x, y := p.point(value, of(value))
		points = append(points, fmt.Sprintf("%.1f,%.1f", x, y))
	}
	p.Curves = append(p.Curves, curve{Points: strings.Join(points, " "), Colour: colour, Dashes: dashes})
}

// dot marks the last curve where the token begins to win, if that is inside of the panel.
func (p *panel) dot(x float64, y time.Duration) {
	if x < p.x.from || x > p.x.to {
		return
	}
	last := &p.Curves[len(p.Curves)-1]
	last.Dot = true
	last.DotX, last.DotY = p.point(x, y)
}

var drawing = template.Must(template.New("chart").Parse(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{.Width}} {{.Height}}"` +
	` font-family="sans-serif" font-size="12">
<title>Break-even of a token against a look-up</title>
<rect width="100%" height="100%" fill="#fff"/>
{{- $top := .Top}}{{$bottom := .Bottom}}{{$width := .PanelWidth}}{{$height := .PanelHeight}}
{{- range .Panels}}
<text x="{{.Left}}" y="30" font-size="16" font-weight="bold">{{.Title}}</text>
<text x="{{.Left}}" y="52" fill="#555">{{.Up}}</text>
{{- range .Marks}}
<path d="M{{printf "%.1f" .X1}} {{printf "%.1f" .Y1}}L{{printf "%.1f" .X2}} {{printf "%.1f" .Y2}}" stroke="#ddd"/>
<text x="{{printf "%.1f" .TextX}}" y="{{printf "%.1f" .TextY}}" text-anchor="{{.Anchor}}" fill="#555">{{.Text}}</text>
{{- end}}
{{- range .Curves}}
<polyline points="{{.Points}}" fill="none" stroke="{{.Colour}}" stroke-width="2"{{if .Dashes}} stroke-dasharray="{{.Dashes}}"{{end}}/>
{{- if .Dot}}
<circle cx="{{printf "%.1f" .DotX}}" cy="{{printf "%.1f" .DotY}}" r="5" fill="{{.Colour}}"/>
{{- end}}
{{- end}}
<rect x="{{.Left}}" y="{{$top}}" width="{{$width}}" height="{{$height}}" fill="none" stroke="#888"/>
<text x="{{.Left}}" y="{{$bottom}}" dy="36" fill="#555">{{.Across}}</text>
{{- end}}
{{- range .Legend}}
<path d="M{{.X}} {{.Y}}h30" stroke="{{.Colour}}" stroke-width="3"/>
<text x="{{.X}}" y="{{.Y}}" dx="40" dy="4">{{.Text}}</text>
{{- end}}
<text x="{{.Left}}" y="{{.Foot}}" fill="#555">A dot is where the token begins to win: to the right of it.</text>
</svg>
`))
