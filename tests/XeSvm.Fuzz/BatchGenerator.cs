using System.Runtime.InteropServices;

namespace XeSvm.Fuzz;

/// <summary>Batches: commands with plausible operands, of which some are damaged, and noise.</summary>
internal static class BatchGenerator
{
    private const int MostCommands = 6;
    private const int LongestCommand = 64;
    private const uint EndOfBatch = 0x05000000;

    // Every row of the command table, in each of its forms.
    private static readonly uint[] s_headers =
    [
        0x00000000, 0x01000000, 0x02800000, 0x04000001, 0x04800003, 0x06000082, 0x060000c2, 0x0d000003, 0x0e00c002, 0x0e004003, 0x10000002, 0x10000006,
        0x10200003, 0x10200007, 0x11080001, 0x11080005, 0x12080002, 0x12280002, 0x13004002, 0x13004003, 0x1300c003, 0x14880002, 0x150c0001, 0x17000003,
        0x17800501, 0x17882601, 0x17840709, 0x178c2709, 0x17840e09, 0x178c2e09, 0x17840309, 0x18800101, 0x18c00101, 0x1b204002, 0x1b205002, 0x1b244002,
        0x50800008, 0x56800008, 0x56820008, 0x56880008, 0x56c00005, 0x56c20005, 0x7a000004,
    ];

    /// <summary>The bytes of a batch for an address.</summary>
    public static byte[] Create(HostileValues values, ulong address)
    {
        var dwords = new List<uint>();
        uint commands = 1 + values.Below(MostCommands);
        for (uint i = 0; i < commands; i++)
        {
            AddCommand(values, dwords, address);
        }

        if (!values.OneIn(20))
        {
            dwords.Add(EndOfBatch);
        }

        return MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(dwords)).ToArray();
    }

    private static void AddCommand(HostileValues values, List<uint> dwords, ulong batch)
    {
        uint header = values.OneIn(12) ? (uint)values.Bits() : s_headers[values.Below((uint)s_headers.Length)];
        int length = header >> 23 < 0x10 ? 1 : Math.Min((int)(header & 0xff) + 2, LongestCommand);
        dwords.Add(values.OneIn(25) ? header ^ 1u << (int)values.Below(32) : header);
        for (int at = 1; at < length;)
        {
            bool wide = at + 1 < length && !values.OneIn(3);
            ulong operand = Operand(values, header, batch);
            dwords.Add((uint)operand);
            if (wide)
            {
                dwords.Add((uint)(operand >> 32));
            }

            at += wide ? 2 : 1;
        }
    }

    private static ulong Operand(HostileValues values, uint header, ulong batch) => values.Below(12) switch
    {
        < 5 => values.GpuAddress() + (values.Below(64) * 8),
        5 => batch + (values.Below(16) * 4),
        6 => 0x600 + (values.Below(32) * 4),
        7 => header >> 23 == 0x1a ? 0x0800_8000 + (values.Below(64) << 5) : values.Below(0x4000),
        8 => values.Edge(),
        9 => 0,
        _ => values.Below(256),
    };
}
