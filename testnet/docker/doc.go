// Command docker runs a testnet in containers: four nodes of one realm on two
// networks, and three devices that join by code, publish and watch.
//
//	go run ./testnet/docker          until Ctrl-C
//	go run ./testnet/docker -once    one checked round: a node is killed on the way
//
// It builds the static binaries and an image FROM scratch, so it needs an engine
// and a compose tool, and no registry. compose.yaml also builds by itself where
// there is one. Whatever happens, it takes down what it started.
//
// The devices' lines are the story (package comment of testnet/docker/device).
// A round is checked by what the devices say they heard: each of them every
// event of the others, once, in order, through the death of the node that serves
// one of them.
package main
