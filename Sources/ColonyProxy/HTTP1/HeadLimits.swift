/// How much a head may hold. What goes beyond is answered with 414 or 431.
package struct HeadLimits: Hashable, Sendable {
    /// The whole head with its empty line, 32 KiB: as much as nginx takes (4 buffers of 8 KiB). At most 1 MiB.
    package let maximumHeadBytes: Int
    /// The number of field lines: 100, as Apache httpd and HAProxy (101) have it. At most 4,096.
    package let maximumFields: Int
    /// The request target: 8 KiB, as one buffer of nginx; RFC 9112, section 3, asks for 8,000 at the least.
    package let maximumTargetBytes: Int
    /// The method. RFC 9112, section 3: what is longer than any known method is 501.
    package let maximumMethodBytes: Int
    /// Empty lines before a request line, which some clients send behind a body (RFC 9112, section 2.2).
    package let maximumEmptyLines: Int
    /// The options of all `Connection` fields together. Each that names a field costs a walk over the fields.
    package let maximumConnectionOptions: Int

    /// Makes limits; a value outside of its range becomes the nearest one inside.
    package init(
        maximumHeadBytes: Int = 32 << 10, maximumFields: Int = 100, maximumTargetBytes: Int = 8 << 10,
        maximumMethodBytes: Int = 32, maximumEmptyLines: Int = 2, maximumConnectionOptions: Int = 16
    ) {
        self.maximumHeadBytes = min(max(maximumHeadBytes, 64), 1 << 20)
        self.maximumFields = min(max(maximumFields, 1), 4_096)
        self.maximumTargetBytes = min(max(maximumTargetBytes, 1), 1 << 20)
        self.maximumMethodBytes = min(max(maximumMethodBytes, 7), 255)
        self.maximumEmptyLines = min(max(maximumEmptyLines, 0), 16)
        self.maximumConnectionOptions = min(max(maximumConnectionOptions, 1), 255)
    }
}
