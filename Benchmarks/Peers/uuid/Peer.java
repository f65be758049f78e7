import java.util.UUID;

/**
 * Prints how many version 4 UUIDs a second Java's standard library makes on one thread.
 *
 * <p>{@code java Peer.java SECONDS}
 */
public final class Peer {
    private static final int BATCH = 10_000;
    private static long used;

    public static void main(String[] arguments) {
        double seconds = arguments.length > 0 ? Double.parseDouble(arguments[0]) : 5.0;
        // The compiler of the virtual machine has done its work after this.
        rate(Math.max(seconds / 2, 1));
        double rate = rate(seconds);
        System.out.println("{\"ids_per_second\": " + rate + ", \"version\": \"Java " + Runtime.version()
                + "\", \"check\": " + used + "}");
    }

    private static double rate(double seconds) {
        long start = System.nanoTime();
        long end = start + (long) (seconds * 1e9);
        long now = start;
        long made = 0;
        while (now < end) {
            for (int i = 0; i < BATCH; i++) {
                // A use that the compiler cannot leave out.
                used ^= UUID.randomUUID().getLeastSignificantBits();
            }
            made += BATCH;
            now = System.nanoTime();
        }
        return made / ((now - start) / 1e9);
    }
}
