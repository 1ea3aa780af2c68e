using System.Diagnostics.CodeAnalysis;

using XeSvm.Interop.LibC;
using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Driver;

/// <summary>
/// Whoever makes the calls of a thread, when that is another process (the kernel's <c>current</c>): its memory and its descriptors are not
/// this process's. Without one the caller is this process.
/// </summary>
internal abstract class IoctlCaller
{
    [ThreadStatic]
    private static IoctlCaller? t_current;

    /// <summary>The caller of the calls that this thread makes; null for this process.</summary>
    public static IoctlCaller? Current => t_current;

    /// <summary>The caller's memory.</summary>
    public abstract ClientMemory Memory { get; }

    /// <summary>The process, by its id here.</summary>
    public abstract int ProcessId { get; }

    /// <summary>The caller has died, or does not want the result any more: what blocks for it returns.</summary>
    public abstract bool IsGone { get; }

    /// <summary>A descriptor of this process for one of the calling client's (fget): 0, -EBADF or another negative errno.</summary>
    public static int Take(int descriptor, [NotNull] out FileDescriptorHandle? file)
    {
        int result = t_current is { } caller ? caller.TakeFrom(descriptor, out file) : SystemCalls.Duplicate(descriptor, out file);
        file ??= new FileDescriptorHandle(-1);
        return result;
    }

    /// <summary>Gives a descriptor of this process to the calling client (fd_install).</summary>
    /// <param name="descriptor">The descriptor, which is the client's from here on.</param>
    /// <returns>Its number for the client; when that is another process, which finds it with the answer, of no meaning.</returns>
    public static int Give(int descriptor)
    {
        t_current?.GiveAway(descriptor);
        return descriptor;
    }

    /// <summary>The open file of a software device that a descriptor of the calling client stands for.</summary>
    public static bool TryFindFile(int descriptor, [NotNullWhen(true)] out SoftwareFile? file) =>
        t_current is { } caller ? caller.TryFindFileOf(descriptor, out file) : DeviceFiles.TryFind(descriptor, out file);

    /// <summary>Makes all further calls of this thread this caller's.</summary>
    public void Enter() => t_current = this;

    /// <inheritdoc cref="Take"/>
    protected abstract int TakeFrom(int descriptor, out FileDescriptorHandle? file);

    /// <inheritdoc cref="TryFindFile"/>
    protected abstract bool TryFindFileOf(int descriptor, [NotNullWhen(true)] out SoftwareFile? file);

    /// <inheritdoc cref="Give"/>
    protected abstract void GiveAway(int descriptor);
}
