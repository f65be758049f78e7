package import NIOCore

/// Frames data as chunks (RFC 9112, section 7.1), for bodies that come without an end known beforehand: from HTTP/2, or up
/// to the end of a connection.
package enum ChunkWriter {
    /// Appends the line before the data of a chunk.
    ///
    /// Behind the data comes ``end(to:)``.
    ///
    /// - Parameter size: How many bytes of data follow. With none of them nothing is appended, because a chunk without
    ///   data is the end of the body.
    /// - Returns: Whether something was appended.
    @discardableResult
    package static func begin(_ size: Int, to buffer: inout ByteBuffer) -> Bool {
        guard size > 0 else { return false }
        var shift = (Int.bitWidth - size.leadingZeroBitCount + 3) / 4 * 4
        while shift > 0 {
            shift -= 4
            let digit = UInt8(truncatingIfNeeded: size >> shift) & 15
            buffer.writeInteger(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
        buffer.writeInteger(UInt16(0x0D0A))
        return true
    }

    /// Appends the line end behind the data of a chunk.
    package static func end(to buffer: inout ByteBuffer) { buffer.writeInteger(UInt16(0x0D0A)) }

    /// Appends the end of the body, without trailers.
    package static func finish(to buffer: inout ByteBuffer) { buffer.writeStaticString("0\r\n\r\n") }
}
