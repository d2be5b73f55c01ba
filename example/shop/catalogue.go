package shop

import "fmt"

// product is one thing for sale.
type product struct {
	ID    string
	Name  string
	Note  string
	Tint  string // colour of its disc on the page, as CSS writes it
	Cents int
}

// Price is the price as the page shows it.
func (p product) Price() string { return euros(p.Cents) }

func euros(cents int) string { return fmt.Sprintf("€%d.%02d", cents/100, cents%100) }

var catalogue = []product{
	{ID: "assam", Name: "Assam", Note: "Malty, for the morning", Tint: "#a4552f", Cents: 690},
	{ID: "sencha", Name: "Sencha", Note: "Green, steamed, grassy", Tint: "#6f8f3f", Cents: 1150},
	{ID: "rooibos", Name: "Rooibos", Note: "No caffeine, keeps for years", Tint: "#b5402a", Cents: 480},
	{ID: "lapsang", Name: "Lapsang Souchong", Note: "Smoked over pine", Tint: "#4c4642", Cents: 940},
}

func findProduct(id string) (product, bool) {
	for _, product := range catalogue {
		if product.ID == id {
			return product, true
		}
	}
	return product{}, false
}
