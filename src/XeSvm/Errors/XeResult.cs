namespace XeSvm;

/// <summary>What a <c>Try</c> method answers: success, or the errno with which the driver refused.</summary>
public readonly struct XeResult : IEquatable<XeResult>
{
    /// <summary>Makes a result.</summary>
    /// <param name="errno">0 for success, else a positive errno.</param>
    public XeResult(int errno)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(errno);
        Errno = errno;
    }

    /// <summary>Success.</summary>
    public static XeResult Success => default;

    /// <summary>0, or a positive errno.</summary>
    public int Errno { get; }

    /// <summary>Whether the driver did what was asked.</summary>
    public bool IsSuccess => Errno == 0;

    /// <summary>The errno's name, such as <c>ENOMEM</c>; <c>success</c> for success.</summary>
    public string ErrnoName => IsSuccess ? "success" : Interop.Errno.Name(Errno);

    /// <summary>Whether two results are the same.</summary>
    public static bool operator ==(XeResult left, XeResult right) => left.Errno == right.Errno;

    /// <summary>Whether two results differ.</summary>
    public static bool operator !=(XeResult left, XeResult right) => left.Errno != right.Errno;

    /// <inheritdoc/>
    public bool Equals(XeResult other) => Errno == other.Errno;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is XeResult other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => Errno;

    /// <summary>The errno's name.</summary>
    public override string ToString() => ErrnoName;

    /// <summary>A result from what the seam answered: at least 0, or a negative errno.</summary>
    internal static XeResult FromCall(int result) => new(result < 0 ? -result : 0);
}
