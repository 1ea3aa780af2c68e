using System.Runtime.InteropServices;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>Answers of DEVICE_QUERY that are a head and records behind it.</summary>
internal static unsafe class QueryAnswer
{
    /// <summary>Lays an answer out as a head and items, all zeros; returns its length.</summary>
    public static int Lay<THead, TItem>(Span<byte> answer, int count, out Span<TItem> items)
        where THead : unmanaged
        where TItem : unmanaged
    {
        int length = sizeof(THead) + (count * sizeof(TItem));
        answer[..length].Clear();
        items = MemoryMarshal.Cast<byte, TItem>(answer[sizeof(THead)..length]);
        return length;
    }

    /// <summary>The head of an answer.</summary>
    public static ref THead Head<THead>(Span<byte> answer)
        where THead : unmanaged
        => ref MemoryMarshal.AsRef<THead>(answer[..sizeof(THead)]);
}
