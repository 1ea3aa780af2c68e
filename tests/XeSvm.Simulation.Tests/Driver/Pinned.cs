using System.Collections.Concurrent;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>Arrays that ioctl arguments point to: they do not move, and live as long as the process.</summary>
internal static unsafe class Pinned
{
    private static readonly ConcurrentBag<Array> s_kept = [];

    /// <summary>Keeps a pinned array for good: a bare address does not.</summary>
    public static void Keep(Array array) => s_kept.Add(array);

    /// <summary>The address of a copy of some records.</summary>
    public static ulong Copy<T>(params ReadOnlySpan<T> items)
        where T : unmanaged
    {
        T[] copy = GC.AllocateArray<T>(items.Length, pinned: true);
        items.CopyTo(copy);
        Keep(copy);
        fixed (T* first = copy)
        {
            return (ulong)first;
        }
    }
}
