namespace XeSvm.Simulation.Memory;

/// <summary>Which frame of an extent a page of a block has, and the other way round.</summary>
internal sealed class PagePlacement
{
    private const short NoPage = -1;

    private readonly PageLayout _layout;
    private readonly ushort[] _frameOfPage = new ushort[PageLayout.BlockPages];
    private readonly short[] _pageOfFrame = new short[PageLayout.ExtentFrames];

    public PagePlacement(PageLayout layout)
    {
        _layout = layout;
        if (!layout.DiffersByBlock)
        {
            layout.Place(_frameOfPage);
            Invert();
        }
    }

    /// <summary>Places a block's pages anew if its layout differs from other blocks'.</summary>
    public void PlaceBlock(ulong clientAddress)
    {
        if (_layout.DiffersByBlock)
        {
            _layout.PlaceBlock(clientAddress, _frameOfPage);
            Invert();
        }
    }

    /// <summary>The frame of a page.</summary>
    public int FrameOf(int page) => _frameOfPage[page];

    /// <summary>The page of a frame; negative when the frame belongs to none.</summary>
    public int PageOf(int frame) => _pageOfFrame[frame];

    private void Invert()
    {
        Array.Fill(_pageOfFrame, NoPage);
        for (int page = 0; page < _frameOfPage.Length; page++)
        {
            _pageOfFrame[_frameOfPage[page]] = (short)page;
        }
    }
}
