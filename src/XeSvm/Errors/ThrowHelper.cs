using System.Diagnostics.CodeAnalysis;

namespace XeSvm;

/// <summary>Throw sites, kept out of the methods that would otherwise grow by them.</summary>
internal static class ThrowHelper
{
    /// <summary>Throws for a refused request.</summary>
    [DoesNotReturn]
    internal static void Throw(XeResult result, string operation, string request) =>
        throw new XeException(result.Errno, operation, request, ErrorAdvice.For(operation, result.Errno));
}
