"""The address bar: fields, links, ways to other pages."""
