"""Who may come in, and what each role may do: a private CA, its certificates, and the table of permits."""
