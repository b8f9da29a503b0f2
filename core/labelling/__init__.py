"""Labels of latents from outside: a language model, Neuronpedia."""
