// $__LIFARRAY_BRAM_ of xc7_brams.txt as RAMB18E1 and RAMB36E1: port A reads, port B writes (UG473, table 1-13).
// The widest words take both ports' data pins ("SDP"); all others leave half of them unused ("TDP").
module \$__LIFARRAY_BRAM_ (...);
  parameter OPTION_SIZE = 36;
  parameter WIDTH = 8;
  parameter PORT_W_WR_EN_WIDTH = 1;
  parameter INIT = 0;

  input CLK_C;
  input PORT_W_CLK;
  input [OPTION_SIZE == 18 ? 13 : 14 : 0] PORT_W_ADDR;
  input [WIDTH-1:0] PORT_W_WR_DATA;
  input [PORT_W_WR_EN_WIDTH-1:0] PORT_W_WR_EN;
  input PORT_R_CLK;
  input PORT_R_CLK_EN;
  input [OPTION_SIZE == 18 ? 13 : 14 : 0] PORT_R_ADDR;
  output [WIDTH-1:0] PORT_R_RD_DATA;

  localparam HALF = OPTION_SIZE == 18 ? 16 : 32;
  localparam WIDE = WIDTH > HALF;
  // Widths count the ninth bits of whole bytes.
  localparam PINS = WIDTH < 8 ? WIDTH : WIDTH / 8 * 9;
  localparam ENABLES = WIDE ? WIDTH / 8 : HALF / 8;

  wire [2*HALF-1:0] data_in = PORT_W_WR_DATA;
  wire [2*HALF-1:0] data_out;
  wire [ENABLES-1:0] enable = {ENABLES / PORT_W_WR_EN_WIDTH{PORT_W_WR_EN}};
  wire [7:0] write_enable = enable;
  assign PORT_R_RD_DATA = data_out;

  generate
    if (OPTION_SIZE == 18)
      RAMB18E1 #(
          .RAM_MODE(WIDE ? "SDP" : "TDP"),
          .READ_WIDTH_A(PINS),
          .READ_WIDTH_B(0),
          .WRITE_WIDTH_A(0),
          .WRITE_WIDTH_B(PINS),
          .WRITE_MODE_A("READ_FIRST"),
          .WRITE_MODE_B("READ_FIRST"),
          .DOA_REG(0),
          .DOB_REG(0)
      ) _TECHMAP_REPLACE_ (
          .CLKARDCLK(CLK_C),
          .CLKBWRCLK(CLK_C),
          .ENARDEN(PORT_R_CLK_EN),
          .ENBWREN(1'b1),
          .REGCEAREGCE(1'b0),
          .REGCEB(1'b0),
          .RSTRAMARSTRAM(1'b0),
          .RSTRAMB(1'b0),
          .RSTREGARSTREG(1'b0),
          .RSTREGB(1'b0),
          .WEA(2'b0),
          .WEBWE(write_enable[3:0]),
          .ADDRARDADDR(PORT_R_ADDR),
          .ADDRBWRADDR(PORT_W_ADDR),
          .DIADI(WIDE ? data_in[HALF-1:0] : {HALF{1'b0}}),
          .DIBDI(WIDE ? data_in[2*HALF-1:HALF] : data_in[HALF-1:0]),
          .DIPADIP(2'b0),
          .DIPBDIP(2'b0),
          .DOADO(data_out[HALF-1:0]),
          .DOBDO(data_out[2*HALF-1:HALF])
      );
    else
      RAMB36E1 #(
          .RAM_MODE(WIDE ? "SDP" : "TDP"),
          .READ_WIDTH_A(PINS),
          .READ_WIDTH_B(0),
          .WRITE_WIDTH_A(0),
          .WRITE_WIDTH_B(PINS),
          .WRITE_MODE_A("READ_FIRST"),
          .WRITE_MODE_B("READ_FIRST"),
          .RAM_EXTENSION_A("NONE"),
          .RAM_EXTENSION_B("NONE"),
          .DOA_REG(0),
          .DOB_REG(0)
      ) _TECHMAP_REPLACE_ (
          .CLKARDCLK(CLK_C),
          .CLKBWRCLK(CLK_C),
          .ENARDEN(PORT_R_CLK_EN),
          .ENBWREN(1'b1),
          .REGCEAREGCE(1'b0),
          .REGCEB(1'b0),
          .RSTRAMARSTRAM(1'b0),
          .RSTRAMB(1'b0),
          .RSTREGARSTREG(1'b0),
          .RSTREGB(1'b0),
          .WEA(4'b0),
          .WEBWE(write_enable),
          // Bit 15 is for cascades only (UG473, table 1-9).
          .ADDRARDADDR({1'b1, PORT_R_ADDR}),
          .ADDRBWRADDR({1'b1, PORT_W_ADDR}),
          .DIADI(WIDE ? data_in[HALF-1:0] : {HALF{1'b0}}),
          .DIBDI(WIDE ? data_in[2*HALF-1:HALF] : data_in[HALF-1:0]),
          .DIPADIP(4'b0),
          .DIPBDIP(4'b0),
          .DOADO(data_out[HALF-1:0]),
          .DOBDO(data_out[2*HALF-1:HALF])
      );
  endgenerate
endmodule
