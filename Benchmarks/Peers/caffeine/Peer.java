import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.util.Arrays;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ForkJoinPool;

/**
 * Prints how many operations a second Caffeine does, one round after the other.
 *
 * <p>{@code java -cp caffeine.jar Peer.java hits|get-or-put THREADS pool|caller ROUNDS OPERATIONS WARM_UP_SECONDS}
 *
 * <p>{@code pool} leaves maintenance to the common pool, which is Caffeine's default; {@code caller} has it done by the
 * thread that caused it, which spares a hand-over where there are no idle cores. OPERATIONS are those of one thread in
 * one round.
 *
 * <p>Each thread walks through an array of 2^20 keys that is drawn beforehand, so that drawing costs nothing. Keys are
 * boxed once, and the cache is filled with the very objects that are looked up: comparing them is comparing pointers.
 * Values are the key objects. Nothing is allocated but what Caffeine allocates.
 *
 * <p>The keys are those of KeySequence.swift, number for number, and the sum that is printed proves it.
 */
public final class Peer {
    private static final int CAPACITY = 100_000;
    private static final int DRAWS = 1 << 20;
    private static final double EXPONENT = 0.99;
    private static volatile long used;

    public static void main(String[] arguments) throws InterruptedException {
        boolean hits = arguments[0].equals("hits");
        int threads = Integer.parseInt(arguments[1]);
        boolean pool = arguments[2].equals("pool");
        int rounds = Integer.parseInt(arguments[3]);
        int operations = Integer.parseInt(arguments[4]);
        double warmUpSeconds = Double.parseDouble(arguments[5]);

        int keySpace = hits ? CAPACITY : 10 * CAPACITY;
        Integer[] boxes = new Integer[keySpace];
        for (int i = 0; i < keySpace; i++) {
            boxes[i] = i;
        }
        double[] cumulative = cumulative(keySpace);
        int[] shuffled = shuffled(keySpace);
        Integer[][] keys = new Integer[threads][DRAWS];
        long sum = 0;
        for (int thread = 0; thread < threads; thread++) {
            SplitMix64 generator = new SplitMix64(thread + 1);
            for (int i = 0; i < DRAWS; i++) {
                int key = shuffled[rank(cumulative, generator.unit())];
                keys[thread][i] = boxes[key];
                sum = sum * 31 + key;
            }
        }

        Cache<Integer, Integer> cache = Caffeine.newBuilder()
                .maximumSize(CAPACITY)
                .initialCapacity(CAPACITY)
                .executor(pool ? ForkJoinPool.commonPool() : Runnable::run)
                .build();
        if (hits) {
            for (int i = 0; i < keySpace; i++) {
                cache.put(boxes[i], boxes[i]);
            }
            cache.cleanUp();
            if (cache.estimatedSize() != CAPACITY) {
                throw new IllegalStateException(cache.estimatedSize() + " of " + CAPACITY + " entries are there");
            }
        }

        // The compiler of the virtual machine has done its work after this, and the cache is full.
        long end = System.nanoTime() + (long) (warmUpSeconds * 1e9);
        do {
            round(cache, keys, operations, hits, new long[1]);
        } while (System.nanoTime() < end);

        StringBuilder rates = new StringBuilder();
        long[] misses = new long[1];
        for (int round = 0; round < rounds; round++) {
            double rate = (double) operations * threads / round(cache, keys, operations, hits, misses);
            rates.append(round == 0 ? "" : ", ").append(rate);
        }
        cache.cleanUp();
        double total = (double) operations * threads * rounds;
        System.out.println("{\"rates\": [" + rates + "], \"hit_ratio\": " + (1 - misses[0] / total)
                + ", \"size\": " + cache.estimatedSize() + ", \"keys\": \"" + Long.toUnsignedString(sum)
                + "\", \"version\": \"" + version() + "\"}");
    }

    /** The seconds that all threads together take for one round, from when all are ready to when the last is done. */
    private static double round(
            Cache<Integer, Integer> cache, Integer[][] keys, int operations, boolean hits, long[] misses)
            throws InterruptedException {
        CyclicBarrier ready = new CyclicBarrier(keys.length);
        long[] starts = new long[keys.length];
        long[] ends = new long[keys.length];
        long[] missed = new long[keys.length];
        Thread[] threads = new Thread[keys.length];
        for (int i = 0; i < keys.length; i++) {
            int thread = i;
            threads[i] = new Thread(() -> {
                try {
                    ready.await();
                } catch (InterruptedException | BrokenBarrierException error) {
                    throw new IllegalStateException(error);
                }
                starts[thread] = System.nanoTime();
                missed[thread] = hits
                        ? read(cache, keys[thread], operations)
                        : getOrPut(cache, keys[thread], operations);
                ends[thread] = System.nanoTime();
            });
            threads[i].start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        misses[0] += Arrays.stream(missed).sum();
        return (Arrays.stream(ends).max().getAsLong() - Arrays.stream(starts).min().getAsLong()) / 1e9;
    }

    private static long read(Cache<Integer, Integer> cache, Integer[] keys, int operations) {
        long sum = 0;
        long misses = 0;
        for (int i = 0; i < operations; i++) {
            Integer value = cache.getIfPresent(keys[i & (DRAWS - 1)]);
            if (value == null) {
                misses += 1;
            } else {
                sum += value;
            }
        }
        // A use that the compiler cannot leave out.
        used = sum;
        return misses;
    }

    private static long getOrPut(Cache<Integer, Integer> cache, Integer[] keys, int operations) {
        long sum = 0;
        long misses = 0;
        for (int i = 0; i < operations; i++) {
            Integer key = keys[i & (DRAWS - 1)];
            Integer value = cache.getIfPresent(key);
            if (value == null) {
                misses += 1;
                cache.put(key, key);
            } else {
                sum += value;
            }
        }
        used = sum;
        return misses;
    }

    // The keys: see KeySequence.swift.

    private static double[] cumulative(int count) {
        double[] result = new double[count];
        double sum = 0;
        for (int rank = 0; rank < count; rank++) {
            sum += 1 / Math.pow(rank + 1, EXPONENT);
            result[rank] = sum;
        }
        return result;
    }

    /** The first rank whose cumulative weight is above the drawn share of the whole. */
    private static int rank(double[] cumulative, double unit) {
        double wanted = unit * cumulative[cumulative.length - 1];
        int low = 0;
        int high = cumulative.length - 1;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (cumulative[middle] > wanted) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }

    private static int[] shuffled(int count) {
        int[] result = new int[count];
        for (int i = 0; i < count; i++) {
            result[i] = i;
        }
        SplitMix64 generator = new SplitMix64(0);
        for (int i = count - 1; i > 0; i--) {
            int other = (int) (generator.unit() * (i + 1));
            int key = result[i];
            result[i] = result[other];
            result[other] = key;
        }
        return result;
    }

    private static final class SplitMix64 {
        private long state;

        SplitMix64(long seed) {
            state = seed;
        }

        double unit() {
            state += 0x9E3779B97F4A7C15L;
            long mixed = state;
            mixed = (mixed ^ (mixed >>> 30)) * 0xBF58476D1CE4E5B9L;
            mixed = (mixed ^ (mixed >>> 27)) * 0x94D049BB133111EBL;
            mixed ^= mixed >>> 31;
            return (mixed >>> 11) * 0x1.0p-53;
        }
    }

    private static String version() {
        String path = Cache.class.getProtectionDomain().getCodeSource().getLocation().getPath();
        try {
            path = new java.io.File(path).getCanonicalFile().getName();
        } catch (java.io.IOException error) {
            path = "of an unknown version";
        }
        return path.replace(".jar", "") + ", Java " + Runtime.version();
    }
}
