package shop

import (
	"fmt"
	"slices"
)

// Product is one thing for sale.
type Product struct {
	ID    string
	Name  string
	Note  string
	Tint  string // colour of its disc on the page, as CSS writes it
	Cents int
}

// Price is the price as the page shows it.
func (p Product) Price() string { return Euros(p.Cents) }

// Euros is an amount of money as the pages show it.
func Euros(cents int) string { return fmt.Sprintf("€%d.%02d", cents/100, cents%100) }

// Catalogue is all that is for sale.
func Catalogue() []Product { return slices.Clone(catalogue) }

var catalogue = []Product{
	{ID: "assam", Name: "Assam", Note: "Malty, for the morning", Tint: "#a4552f", Cents: 690},
	{ID: "sencha", Name: "Sencha", Note: "Green, steamed, grassy", Tint: "#6f8f3f", Cents: 1150},
	{ID: "rooibos", Name: "Rooibos", Note: "No caffeine, keeps for years", Tint: "#b5402a", Cents: 480},
	{ID: "lapsang", Name: "Lapsang Souchong", Note: "Smoked over pine", Tint: "#4c4642", Cents: 940},
}

// Find returns the product with that id.
func Find(id string) (Product, bool) {
	for _, product := range catalogue {
		if product.ID == id {
			return product, true
		}
	}
	return Product{}, false
}
