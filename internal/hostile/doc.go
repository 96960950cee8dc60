// Package hostile tries on real processes what bad luck and bad peers do: full pipes, frozen
// processes, exhausted descriptors, bytes that no client sends. Its tests take minutes and
// need the machine for themselves, so they have the build tag hostile and run as
// "make hostile", outside "make test".
package hostile
