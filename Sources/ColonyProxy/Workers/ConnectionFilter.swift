#if os(Linux)
#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A filter of the kernel on a socket that listens: it lets no new connection begin, and those that have begun come to their end.
///
/// The system gives a connection to one of the sockets of a port when its SYN comes, and resets it with that socket. A SYN that is dropped
/// is sent again a second later (RFC 6298, section 2.1), and by then goes to a socket that stays. This is a classic BPF program on the
/// bytes of a segment, as in socket(7), `SO_ATTACH_FILTER`; it needs no privilege.
enum ConnectionFilter {
    /// `struct sock_filter` of linux/filter.h, which the C library does not declare.
    private struct Instruction {
        var code: UInt16
        var ifTrue: UInt8 = 0
        var ifFalse: UInt8 = 0
        var operand: UInt32
    }

    /// `struct sock_fprog` of linux/filter.h.
    private struct Program {
        var length: UInt16
        var instructions: UnsafeMutablePointer<Instruction>
    }

    /// `SO_ATTACH_FILTER` of asm-generic/socket.h, the same on all processors that Swift runs on.
    private static let attach: CInt = 26

    private static var dropsNewConnections: [Instruction] {
        [
            // The byte of flags in the header of TCP: BPF_LD | BPF_B | BPF_ABS.
            Instruction(code: 0x30, operand: 13),
            // SYN is set: BPF_JMP | BPF_JSET | BPF_K.
            Instruction(code: 0x45, ifFalse: 1, operand: 0x02),
            // Nothing of the segment is kept: BPF_RET | BPF_K.
            Instruction(code: 0x06, operand: 0),
            Instruction(code: 0x06, operand: .max),
        ]
    }

    /// Lets a socket that listens take no more SYNs. Connections that come from it later keep the filter, and have no use for a SYN.
    ///
    /// - Returns: Whether the system does so.
    static func dropNewConnections(at listening: CInt) -> Bool {
        var instructions = self.dropsNewConnections
        return instructions.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return false }
            var program = Program(length: UInt16(buffer.count), instructions: base)
            let size = socklen_t(MemoryLayout<Program>.size)
            return setsockopt(listening, SOL_SOCKET, self.attach, &program, size) == 0
        }
    }
}
#endif
