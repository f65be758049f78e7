// Locks on etcd, by etcd's own client: acquire and release in a loop from many clients, one name each.
//
// Three ways are measured, each beside what it is like:
//
//	mutex:  concurrency.Mutex, etcd's own lock. Its session, and with it the lease, is made once per client.
//	txn:    the least that a lock can be: one transaction that puts the key, bound to the session's lease, if nobody has
//	        it, and one that deletes it.
//	engine: the two transactions of ColonyEtcd: one that puts the key of an owner into the folder of the name if that is
//	        empty and else reads who comes first, and one that deletes the key if it is still the same.
//
// With -shared, all clients share one connection and one session, as the tasks of a program that uses ColonyEtcd do.
//
// Prints one line of JSON.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"sync"
	"time"

	"go.etcd.io/etcd/clientv3"
	"go.etcd.io/etcd/clientv3/concurrency"
)

type outcome struct {
	Mode               string  `json:"mode"`
	Clients            int     `json:"clients"`
	Pairs              int     `json:"pairs"`
	Seconds            float64 `json:"seconds"`
	PairsPerSecond     float64 `json:"pairs_per_second"`
	MedianMicroseconds float64 `json:"median_us"`
	P99Microseconds    float64 `json:"p99_us"`
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "etcd-locks:", err)
	os.Exit(1)
}

func main() {
	endpoint := flag.String("endpoint", "127.0.0.1:2379", "where etcd listens")
	clients := flag.Int("clients", 64, "clients, each with a connection and a name of its own")
	seconds := flag.Float64("seconds", 5, "how long to measure, after a tenth of it to warm up")
	mode := flag.String("mode", "mutex", "mutex, txn, or engine")
	shared := flag.Bool("shared", false, "one connection and one session for all clients")
	flag.Parse()
	ctx := context.Background()

	connect := func() (*clientv3.Client, *concurrency.Session) {
		client, err := clientv3.New(clientv3.Config{Endpoints: []string{*endpoint}, DialTimeout: 10 * time.Second})
		if err != nil {
			fail(err)
		}
		session, err := concurrency.NewSession(client, concurrency.WithTTL(30))
		if err != nil {
			fail(err)
		}
		return client, session
	}
	var commonClient *clientv3.Client
	var commonSession *concurrency.Session
	if *shared {
		commonClient, commonSession = connect()
		defer commonClient.Close()
	}

	var ready, done sync.WaitGroup
	start := make(chan struct{})
	samples := make([][]time.Duration, *clients)
	span := time.Duration(*seconds * float64(time.Second))
	var from, to time.Time
	ready.Add(*clients)
	done.Add(*clients)
	for number := 0; number < *clients; number++ {
		go func(number int) {
			defer done.Done()
			client, session := commonClient, commonSession
			if !*shared {
				client, session = connect()
				defer client.Close()
			}
			name := fmt.Sprintf("bench/lock-%d", number)
			pair := mutexPair(ctx, session, name)
			switch *mode {
			case "txn":
				pair = transactionPair(ctx, client, session, name)
			case "engine":
				pair = enginePair(ctx, client, session, name)
			}
			ready.Done()
			<-start
			for {
				before := time.Now()
				if before.After(to) {
					break
				}
				if err := pair(); err != nil {
					fail(err)
				}
				if before.After(from) {
					samples[number] = append(samples[number], time.Since(before))
				}
			}
		}(number)
	}
	ready.Wait()
	from = time.Now().Add(span / 10)
	to = from.Add(span)
	close(start)
	done.Wait()
	elapsed := time.Since(from)

	var all []time.Duration
	for _, some := range samples {
		all = append(all, some...)
	}
	if len(all) == 0 {
		fail(fmt.Errorf("no pair was finished in %v", span))
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	rank := func(share float64) float64 {
		return float64(all[int(share*float64(len(all)-1))].Nanoseconds()) / 1000
	}
	json.NewEncoder(os.Stdout).Encode(outcome{
		Mode: *mode, Clients: *clients, Pairs: len(all), Seconds: elapsed.Seconds(),
		PairsPerSecond: float64(len(all)) / elapsed.Seconds(), MedianMicroseconds: rank(0.5), P99Microseconds: rank(0.99),
	})
}

func mutexPair(ctx context.Context, session *concurrency.Session, name string) func() error {
	mutex := concurrency.NewMutex(session, name)
	return func() error {
		if err := mutex.Lock(ctx); err != nil {
			return err
		}
		return mutex.Unlock(ctx)
	}
}

func transactionPair(
	ctx context.Context, client *clientv3.Client, session *concurrency.Session, name string,
) func() error {
	return func() error {
		answer, err := client.Txn(ctx).
			If(clientv3.Compare(clientv3.CreateRevision(name), "=", 0)).
			Then(clientv3.OpPut(name, "", clientv3.WithLease(session.Lease()))).
			Commit()
		if err != nil {
			return err
		}
		if !answer.Succeeded {
			return fmt.Errorf("the lock %s is held by another", name)
		}
		_, err = client.Delete(ctx, name)
		return err
	}
}

func enginePair(
	ctx context.Context, client *clientv3.Client, session *concurrency.Session, name string,
) func() error {
	folder := name + "/"
	key := folder + "00000000-0000-4000-8000-000000000000"
	// As long as what the engine writes.
	value := "colony1 held 30000000000 1764273600000 25000000000000 1764273630000 25030000000000 0 " +
		"00000000-0000-4000-8000-000000000000 00000000-0000-4000-8000-000000000000 00000000-0000-4000-8000-000000000000"
	return func() error {
		answer, err := client.Txn(ctx).
			If(clientv3.Compare(clientv3.CreateRevision(folder), "=", 0).WithPrefix()).
			Then(clientv3.OpPut(key, value, clientv3.WithLease(session.Lease()))).
			Else(clientv3.OpGet(folder, clientv3.WithPrefix(), clientv3.WithLimit(1),
				clientv3.WithSort(clientv3.SortByCreateRevision, clientv3.SortAscend))).
			Commit()
		if err != nil {
			return err
		}
		if !answer.Succeeded {
			return fmt.Errorf("the lock %s is held by another", name)
		}
		answer, err = client.Txn(ctx).
			If(clientv3.Compare(clientv3.CreateRevision(key), "=", answer.Header.Revision)).
			Then(clientv3.OpDelete(key, clientv3.WithPrevKV())).
			Commit()
		if err == nil && !answer.Succeeded {
			err = fmt.Errorf("the lock %s was taken away", name)
		}
		return err
	}
}
