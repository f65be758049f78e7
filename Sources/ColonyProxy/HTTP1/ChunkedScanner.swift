/// Finds the end of a body in chunked coding while its bytes are handed on as they are (RFC 9112, section 7.1).
///
/// Data is skipped, not looked at; only size lines, line ends and trailers are read, byte by byte, with the whole state
/// in a few numbers. So however the bytes are cut, the outcome is the same. Strictness:
///
/// - A size is 1 to 16 hexadecimal digits below 2⁶³. Nothing stands before it, and behind it only CR LF or an extension
///   with its semicolon.
/// - An extension has no control character but the tabulator: a bare LF in one is where two readers see two bodies.
///   Its length is bounded, and so is how much of a body may be extensions: many tiny chunks with long ones made servers
///   read gigabytes for nothing (CVE-2023-39326). The rule is Go's: 16 bytes and twice the data are free per chunk, and
///   what goes beyond must not pass 16 KiB in all.
/// - Trailers are bounded in bytes and number, and are fields like those of a head. Those that frame, route, authorize,
///   or say what the content is are refused (RFC 9110, section 6.5.1): servers that merge trailers into the head would
///   take them for what the proxy has checked.
package struct ChunkedScanner: Sendable {
    /// The longest extension of one chunk.
    package static let maximumExtensionBytes = 4_096
    /// The trailer section, with the names and line ends.
    package static let maximumTrailerBytes = 8 << 10
    package static let maximumTrailers = 64

    private enum Place: UInt8 {
        case sizeStart, size, extensionSpace, inExtension, sizeLineFeed, data, dataReturn, dataLineFeed
        case trailerStart, trailerName, trailerValue, trailerLineFeed, endLineFeed, complete, failed
    }

    private var place = Place.sizeStart
    private var digits: UInt8 = 0
    private var trailers: UInt8 = 0
    private var defect = BodyDefect.invalidChunkSize
    /// What is left of the chunk.
    private var remaining: UInt64 = 0
    private var extensionBytes = 0
    private var excess = 0
    private var trailerBytes = 0
    private var nameLength = 0
    private var name: (UInt64, UInt64, UInt64) = (0, 0, 0)
    private let maximumBodyBytes: UInt64
    /// The data of all chunks whose size has been read, also where their data has not all come yet.
    package private(set) var announcedBytes: UInt64 = 0
    /// The data that has come.
    package var decodedBytes: UInt64 { self.announcedBytes - (self.place == .data ? self.remaining : 0) }

    /// - Parameter maximumBodyBytes: How much data the body may have. It is checked when a size is read, before the data
    ///   of that chunk comes.
    package init(maximumBodyBytes: UInt64 = UInt64(Int64.max)) {
        self.maximumBodyBytes = min(maximumBodyBytes, UInt64(Int64.max))
    }

    /// Reads on.
    ///
    /// - Parameter bytes: What has come since the last call.
    /// - Returns: How many of the bytes belong to the body, and how far it has come. All of them unless it is complete;
    ///   after a failure, those before the byte that was wrong.
    package mutating func scan(_ bytes: UnsafeRawBufferPointer) -> (consumed: Int, state: BodyState) {
        self.scan(bytes) { _ in }
    }

    /// Reads on, and tells where in the bytes data stands: for an HTTP/1.0 client or for HTTP/2, which have no chunks.
    ///
    /// - Parameter data: Is called for each piece of data in turn, with its place in `bytes`; never with an empty one.
    @inline(__always)
    package mutating func scan(
        _ bytes: UnsafeRawBufferPointer, data: (Range<Int>) -> Void
    ) -> (consumed: Int, state: BodyState) {
        guard let base = bytes.baseAddress else { return (0, self.state) }
        let end = bytes.count
        var at = 0
        while at < end {
            if self.place == .data {
                let count = Int(min(UInt64(end - at), self.remaining))
                data(at..<(at + count))
                at += count
                self.remaining -= UInt64(count)
                if self.remaining == 0 { self.place = .dataReturn }
            } else {
                if self.place == .complete { return (at, .complete) }
                guard self.step(ByteScan.byte(base, at)) else { return (at, self.state) }
                at += 1
            }
        }
        return (at, self.state)
    }

    private var state: BodyState {
        switch self.place {
        case .complete: .complete
        case .failed: .failed(self.defect)
        default: .needMore
        }
    }

    private mutating func fail(_ defect: BodyDefect) -> Bool {
        self.place = .failed
        self.defect = defect
        return false
    }

    /// Takes one byte that is no data; `false` if it is wrong.
    private mutating func step(_ byte: UInt8) -> Bool {
        switch self.place {
        case .sizeStart:
            self.remaining = 0
            self.digits = 0
            self.extensionBytes = 0
            guard Self.hexValue(byte) != nil else { return self.fail(.invalidChunkSize) }
            self.place = .size
            return self.digit(byte)
        case .size: return self.digit(byte)
        case .extensionSpace, .inExtension: return self.extended(byte)
        case .sizeLineFeed:
            guard byte == 0x0A else { return self.fail(.bareCarriageReturn) }
            return self.beginChunk()
        case .dataReturn:
            guard byte == 0x0D else { return self.fail(byte == 0x0A ? .bareLineFeed : .missingLineEndAfterData) }
            self.place = .dataLineFeed
        case .dataLineFeed:
            guard byte == 0x0A else { return self.fail(.bareCarriageReturn) }
            self.place = .sizeStart
        case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed: return self.trailer(byte)
        case .endLineFeed:
            guard byte == 0x0A else { return self.fail(.bareCarriageReturn) }
            self.place = .complete
        case .data, .complete, .failed: return false
        }
        return true
    }

    private static func hexValue(_ byte: UInt8) -> UInt64? {
        switch byte {
        case 0x30...0x39: UInt64(byte - 0x30)
        case 0x41...0x46: UInt64(byte - 0x41 + 10)
        case 0x61...0x66: UInt64(byte - 0x61 + 10)
        default: nil
        }
    }

    private mutating func digit(_ byte: UInt8) -> Bool {
        if let value = Self.hexValue(byte) {
            guard self.digits < 16, self.remaining < 1 << 59 else { return self.fail(.chunkTooLarge) }
            self.digits += 1
            self.remaining = self.remaining << 4 | value
            return true
        }
        switch byte {
        case 0x0D: self.place = .sizeLineFeed
        case 0x0A: return self.fail(.bareLineFeed)
        case UInt8(ascii: ";"):
            self.extensionBytes = 1
            self.place = .inExtension
        case 0x20, 0x09:
            // RFC 9112, section 7.1.1: whitespace before the semicolon of an extension has to be understood.
            self.extensionBytes = 1
            self.place = .extensionSpace
        default: return self.fail(.invalidChunkSize)
        }
        return true
    }

    private mutating func extended(_ byte: UInt8) -> Bool {
        if self.place == .extensionSpace {
            switch byte {
            case 0x20, 0x09: break
            case UInt8(ascii: ";"): self.place = .inExtension
            default: return self.fail(.invalidChunkSize)
            }
        } else if byte == 0x0D {
            self.place = .sizeLineFeed
            return true
        } else if ByteScan.isControl(byte) {
            return self.fail(byte == 0x0A ? .bareLineFeed : .controlInExtension)
        }
        self.extensionBytes += 1
        return self.extensionBytes <= Self.maximumExtensionBytes || self.fail(.extensionTooLong)
    }

    private mutating func beginChunk() -> Bool {
        let size = self.remaining
        let free = 16 + 2 * Int(min(size, 1 << 20))
        self.excess = max(0, self.excess + self.extensionBytes + Int(self.digits) + 4 - free)
        guard self.excess <= 16 << 10 else { return self.fail(.extensionTooLong) }
        guard size <= self.maximumBodyBytes - self.announcedBytes else { return self.fail(.bodyTooLarge) }
        self.announcedBytes += size
        self.place = size == 0 ? .trailerStart : .data
        return true
    }
}

extension ChunkedScanner {
    /// Those that must not come behind the content (RFC 9110, section 6.5.1).
    private static var forbidden: FieldSet {
        FieldSet.hopByHop.union(
            FieldSet(
                .host, .contentLength, .trailer, .expect, .forwarded, .xForwardedFor, .xForwardedProto,
                .xForwardedHost, .xForwardedPort, .xForwardedPrefix, .xRealIP, .cookie, .setCookie, .authorization,
                .proxyAuthorization, .contentType, .contentEncoding, .cacheControl, .location))
    }

    private mutating func trailer(_ byte: UInt8) -> Bool {
        self.trailerBytes += 1
        guard self.trailerBytes <= Self.maximumTrailerBytes else { return self.fail(.trailersTooLarge) }
        switch self.place {
        case .trailerStart:
            if byte == 0x0D {
                self.place = .endLineFeed
                return true
            }
            guard self.trailers < Self.maximumTrailers else { return self.fail(.trailersTooLarge) }
            self.trailers += 1
            self.name = (0, 0, 0)
            self.nameLength = 0
            self.place = .trailerName
            return self.nameByte(byte)
        case .trailerName: return self.nameByte(byte)
        case .trailerValue:
            if byte == 0x0D {
                self.place = .trailerLineFeed
            } else if ByteScan.isControl(byte) {
                return self.fail(byte == 0x0A ? .bareLineFeed : .invalidTrailer)
            }
            return true
        default:
            guard byte == 0x0A else { return self.fail(.bareCarriageReturn) }
            self.place = .trailerStart
            return true
        }
    }

    private mutating func nameByte(_ byte: UInt8) -> Bool {
        if ByteScan.classes[Int(byte)] & ByteScan.token != 0 {
            // Of a longer name only the length counts: none of the known ones is so long.
            let shift = UInt64(self.nameLength & 7) * 8
            switch self.nameLength >> 3 {
            case 0: self.name.0 |= UInt64(byte) << shift
            case 1: self.name.1 |= UInt64(byte) << shift
            case 2: self.name.2 |= UInt64(byte) << shift
            default: break
            }
            self.nameLength += 1
            return true
        }
        guard byte == UInt8(ascii: ":"), self.nameLength > 0 else {
            return self.fail(byte == 0x0A ? .bareLineFeed : .invalidTrailer)
        }
        var name = (self.name.0.littleEndian, self.name.1.littleEndian, self.name.2.littleEndian)
        let length = self.nameLength
        let field = withUnsafeBytes(of: &name) { bytes in
            bytes.baseAddress.map { KnownField.named($0, 0, count: length) } ?? .other
        }
        if Self.forbidden.contains(field) { return self.fail(.forbiddenTrailer) }
        self.place = .trailerValue
        return true
    }
}
