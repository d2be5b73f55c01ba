package redistest

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// slots is how many hash slots a cluster has.
const slots = 16384

// StartCluster starts a cluster whose nodes share the slots evenly. It returns once all of them know that.
func (e Engine) StartCluster(t testing.TB, size int) []*Server {
	t.Helper()
	nodes := make([]*Server, size)
	buses := make([]string, size)
	for i := range nodes {
		buses[i] = strconv.Itoa(freePort(t)) // where the nodes talk to one another
		nodes[i] = e.Start(t, Settings{More: []string{"cluster-enabled yes", "cluster-port " + buses[i]}})
		nodes[i].Do("CLUSTER", "ADDSLOTSRANGE", fmt.Sprint(slots*i/size), fmt.Sprint(slots*(i+1)/size-1))
		nodes[i].Do("CLUSTER", "SET-CONFIG-EPOCH", fmt.Sprint(i+1))
	}
	for i, node := range nodes[1:] {
		host, port, err := net.SplitHostPort(node.Address())
		if err != nil {
			t.Fatal(err)
		}
		nodes[0].Do("CLUSTER", "MEET", host, port, buses[i+1])
	}
	ticker := time.NewTicker(askAgain)
	defer ticker.Stop()
	deadline := time.Now().Add(readyTime)
	for _, node := range nodes {
		for !knowsAll(node.Do("CLUSTER", "INFO"), size) {
			if time.Now().After(deadline) {
				t.Fatalf("the cluster does not become one:\n%s", node.Do("CLUSTER", "INFO"))
			}
			<-ticker.C
		}
	}
	return nodes
}

func knowsAll(info string, size int) bool {
	return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprint("cluster_known_nodes:", size)) &&
		strings.Contains(info, fmt.Sprint("cluster_slots_ok:", slots))
}
