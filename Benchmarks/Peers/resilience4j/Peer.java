import io.github.resilience4j.bulkhead.Bulkhead;
import io.github.resilience4j.bulkhead.BulkheadConfig;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.ratelimiter.RateLimiter;
import io.github.resilience4j.ratelimiter.RateLimiterConfig;
import io.github.resilience4j.timelimiter.TimeLimiter;
import io.github.resilience4j.timelimiter.TimeLimiterConfig;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Prints how many calls a second resilience4j does, one round after the other, as a JSON array.
 *
 * <p>{@code java -cp CLASSES Peer breaker|take|bulkhead|pipeline|pipeline-pool THREADS ROUNDS CALLS WARM_UP_SECONDS}
 *
 * <p>CALLS are those of one thread in one round. The settings are those of ResilienceLayers in ColonyWorkloads: a breaker with
 * the defaults, a billion permits a second, a hundred places, and a timeout of a second.
 *
 * <p>The time limiter of {@code pipeline} gets a future that is complete: nothing that runs can be ended, and nothing is handed to
 * another thread. {@code pipeline-pool} runs each call on a pool, as a call needs it that the time limiter shall be able to end.
 */
public final class Peer {
    private static volatile long used;

    public static void main(String[] arguments) throws Exception {
        int threads = Integer.parseInt(arguments[1]);
        int rounds = Integer.parseInt(arguments[2]);
        int calls = Integer.parseInt(arguments[3]);
        double warmUpSeconds = Double.parseDouble(arguments[4]);
        Callable<Integer> call = call(arguments[0]);

        long end = System.nanoTime() + (long) (warmUpSeconds * 1e9);
        do {
            round(call, threads, Math.max(1, calls / 10));
        } while (System.nanoTime() < end);
        double[] rates = new double[rounds];
        for (int i = 0; i < rounds; i++) {
            rates[i] = round(call, threads, calls);
        }
        System.out.println(Arrays.toString(rates));
    }

    private static Callable<Integer> call(String load) {
        CircuitBreaker breaker = CircuitBreaker.ofDefaults("bench");
        RateLimiter limiter = RateLimiter.of("bench", RateLimiterConfig.custom()
                .limitForPeriod(1_000_000_000).limitRefreshPeriod(Duration.ofSeconds(1)).timeoutDuration(Duration.ZERO)
                .build());
        Bulkhead bulkhead = Bulkhead.of("bench", BulkheadConfig.custom()
                .maxConcurrentCalls(100).maxWaitDuration(Duration.ZERO).build());
        TimeLimiter timeout = TimeLimiter.of("bench", TimeLimiterConfig.custom()
                .timeoutDuration(Duration.ofSeconds(1)).build());
        switch (load) {
            case "breaker":
                return CircuitBreaker.decorateCallable(breaker, () -> 1);
            case "take":
                return () -> limiter.acquirePermission() ? 1 : 0;
            case "bulkhead":
                return Bulkhead.decorateCallable(bulkhead, () -> 1);
            case "pipeline":
            case "pipeline-pool":
                ExecutorService pool = Executors.newFixedThreadPool(2, task -> {
                    Thread thread = new Thread(task);
                    thread.setDaemon(true);
                    return thread;
                });
                Callable<Integer> timed = load.equals("pipeline")
                        ? TimeLimiter.decorateFutureSupplier(timeout, () -> CompletableFuture.completedFuture(1))
                        : TimeLimiter.decorateFutureSupplier(timeout, () -> pool.submit(() -> 1));
                return CircuitBreaker.decorateCallable(breaker,
                        RateLimiter.decorateCallable(limiter, Bulkhead.decorateCallable(bulkhead, timed)));
            default:
                throw new IllegalArgumentException("no load is called " + load);
        }
    }

    /** The rate of all threads together. */
    private static double round(Callable<Integer> call, int threads, int calls) throws Exception {
        CountDownLatch start = new CountDownLatch(1);
        AtomicReference<Throwable> failure = new AtomicReference<>();
        Thread[] team = new Thread[threads];
        for (int i = 0; i < threads; i++) {
            team[i] = new Thread(() -> {
                try {
                    start.await();
                    long made = 0;
                    for (int j = 0; j < calls; j++) {
                        made += call.call();
                    }
                    used = made;
                    if (made != calls) {
                        throw new IllegalStateException(made + " calls of " + calls + " were made");
                    }
                } catch (Throwable error) {
                    failure.set(error);
                }
            });
            team[i].start();
        }
        long before = System.nanoTime();
        start.countDown();
        for (Thread thread : team) {
            thread.join();
        }
        long after = System.nanoTime();
        if (failure.get() != null) {
            throw new Exception(failure.get());
        }
        return (double) calls * threads * 1e9 / (after - before);
    }
}
