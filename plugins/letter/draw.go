package letter

import (
	"fmt"
	"io"
	"time"

	"codeberg.org/go-pdf/fpdf"
)

// drawing is a PDF under way. Equal letters make an equal file.
type drawing struct {
	pdf   *fpdf.Fpdf
	pages int
}

func newDrawing(f fonts, title string, at time.Time) *drawing {
	pdf := fpdf.New("P", "mm", "A4", "")
	pdf.SetCatalogSort(true)
	pdf.SetCreationDate(at)
	pdf.SetModificationDate(at)
	pdf.SetProducer("Stagecraft", true)
	pdf.SetTitle(title, true)
	pdf.SetAutoPageBreak(false, 0)
	pdf.SetLineWidth(0.15)
	for _, cut := range []style{regular, bold, italic} {
		pdf.AddUTF8FontFromBytes("sans", string(cut), f[cut].file)
	}
	return &drawing{pdf: pdf}
}

// add draws a letter's pages.
func (d *drawing) add(pages []page) {
	for _, page := range pages {
		d.blank()
		for _, r := range page.runs {
			d.pdf.SetFont("sans", string(r.style), r.size)
			d.pdf.Text(r.x, r.y, r.text)
		}
		for _, s := range page.strokes {
			d.pdf.Line(s.x, s.y, s.x+s.length, s.y)
		}
	}
}

// blank draws an empty page.
func (d *drawing) blank() {
	d.pdf.AddPage()
	d.pages++
}

func (d *drawing) write(to io.Writer) error {
	if err := d.pdf.Output(to); err != nil {
		return fmt.Errorf("the PDF cannot be made: %w", err)
	}
	return nil
}
