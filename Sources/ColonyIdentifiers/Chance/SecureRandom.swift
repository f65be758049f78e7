import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Unpredictable bits for identifiers, from memory instead of from a system call for each.
///
/// The kernel's generator is asked through `SystemRandomNumberGenerator`, which costs a system call for eight bytes, a
/// quarter of a microsecond for one UUID. Here its 32 bytes seed a ChaCha20 stream with *fast key erasure*: of every
/// kilobyte of stream the first 32 bytes become the next key before any other byte is given out, and each byte is zeroed
/// as it is given. Whoever reads the memory later learns nothing about identifiers issued before. A fresh seed is mixed
/// in after every mebibyte, so a memory read once does not tell the future for long.
///
/// A process that forks without exec would have two copies of one stream; a handler of `pthread_atfork` makes the child
/// seed anew. Each thread has a stream of its own, so there is no lock; it is freed when the thread ends.
///
/// - SeeAlso: D. J. Bernstein, *Fast-key-erasure random-number generators*, 2017; RFC 8439.
package struct SecureRandom: ~Copyable {
    private static let bufferBytes = 4 * ChaCha20.byteCount
    private static let keyBytes = 32
    private static let reseedBytes = 1 << 20

    private let buffer: UnsafeMutableRawPointer
    private var key: ChaCha20.Key
    /// The offset of the next byte that was not given out.
    private var position: Int
    private var bytesUntilReseed = 0
    private var generation: UInt64

    private init() {
        self.buffer = .allocate(byteCount: Self.bufferBytes, alignment: 64)
        self.buffer.initializeMemory(as: UInt8.self, repeating: 0, count: Self.bufferBytes)
        self.key = ChaCha20.Key(repeating: 0)
        self.position = Self.bufferBytes
        self.generation = Fork.generation.load(ordering: .relaxed)
    }

    deinit {
        self.buffer.initializeMemory(as: UInt8.self, repeating: 0, count: Self.bufferBytes)
        self.buffer.deallocate()
    }

    /// 64 bits that nobody can tell from chance.
    package mutating func next() -> UInt64 {
        if self.position > Self.bufferBytes - 8 || self.generation != Fork.generation.load(ordering: .relaxed) {
            self.refill()
        }
        let value = self.buffer.load(fromByteOffset: self.position, as: UInt64.self)
        self.buffer.storeBytes(of: 0, toByteOffset: self.position, as: UInt64.self)
        self.position += 8
        return value
    }

    @inline(never)
    private mutating func refill() {
        let generation = Fork.generation.load(ordering: .acquiring)
        if self.bytesUntilReseed <= 0 || self.generation != generation {
            self.reseed()
            self.generation = generation
        }
        self.bytesUntilReseed -= Self.bufferBytes
        for chunk in 0..<(Self.bufferBytes / ChaCha20.byteCount) {
            // The key is used for this one kilobyte, so counter and nonce need not be remembered.
            ChaCha20.write(
                key: self.key, counter: UInt32(4 * chunk), nonce: (0, 0, 0),
                to: self.buffer + chunk * ChaCha20.byteCount)
        }
        self.key = self.buffer.load(as: ChaCha20.Key.self)
        self.buffer.initializeMemory(as: UInt8.self, repeating: 0, count: Self.keyBytes)
        self.position = Self.keyBytes
    }

    /// Mixes 32 bytes of the kernel into the key; a weak moment of either source does not weaken the other.
    private mutating func reseed() {
        var kernel = SystemRandomNumberGenerator()
        for index in 0..<8 {
            self.key[index] ^= kernel.next()
        }
        self.bytesUntilReseed = Self.reseedBytes
    }
}

// MARK: One stream for each thread

extension SecureRandom {
    /// The stream of the calling thread. It must not be kept beyond the call, nor across a suspension.
    package static var ofThisThread: UnsafeMutablePointer<SecureRandom> {
        if let known = pthread_getspecific(Self.threadKey) {
            return known.assumingMemoryBound(to: SecureRandom.self)
        }
        let made = UnsafeMutablePointer<SecureRandom>.allocate(capacity: 1)
        made.initialize(to: SecureRandom())
        let status = pthread_setspecific(Self.threadKey, made)
        precondition(status == 0, "the system refused a thread its own memory: error \(status)")
        return made
    }

    private static let threadKey: pthread_key_t = {
        Fork.watch()
        var key = pthread_key_t()
        let status = pthread_key_create(&key) { (pointer: UnsafeMutableRawPointer?) in
            guard let pointer else { return }
            let stream = pointer.assumingMemoryBound(to: SecureRandom.self)
            stream.deinitialize(count: 1)
            stream.deallocate()
        }
        precondition(status == 0, "the system has no key left for the memory of threads: error \(status)")
        return key
    }()
}

/// Tells a forked child that it has a copy of its parent's memory.
private enum Fork {
    static let generation = Atomic<UInt64>(0)

    static func watch() {
        let status = pthread_atfork(nil, nil) { Fork.generation.wrappingAdd(1, ordering: .sequentiallyConsistent) }
        precondition(status == 0, "the system refused to watch for forks: error \(status)")
    }
}
