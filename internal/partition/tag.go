package partition

// Slots is the number of slots that the masters of a Redis Cluster share.
const Slots = 16384

// Slot returns the slot of partition p: the middle of the p-th of 64 equal ranges.
// Masters that hold equal ranges of slots therefore hold equal numbers of partitions.
func Slot(p int) int { return p*(Slots/Count) + Slots/Count/2 }

// Tag returns the hash tag of partition p, which keys and channels of the partition carry
// in braces. It begins with the number of the partition, and Redis assigns it to Slot(p).
func Tag(p int) string { return tags[p] }

// tags are, for each partition, its number and the first suffix of lower-case letters,
// by length and then by alphabet, that leads to the partition's slot. TestTags searches
// them again and prints the table if this one differs.
var tags = [Count]string{
	"0agxe", "1anux", "2aepo", "3adtj", "4achq", "5ablt", "6aiic", "7ahmf",
	"8bdpm", "9beth", "10gxz", "11nqf", "12aqvf", "13aaps", "14cxj", "15bxn",
	"16ahpu", "17aitp", "18fpa", "19gpe", "20bnl", "21cnh", "22qlt", "23igx",
	"24bbq", "25cbu", "26hka", "27ike", "28cwu", "29bwq", "30aiuu", "31ahqp",
	"32aeon", "33adkk", "34fhj", "35ghn", "36aivb", "37ahrg", "38otv", "39ntr",
	"40akut", "41abxi", "42aatf", "43aqrs", "44aglx", "45anae", "46aedr", "47alio",
	"48bqgv", "49baac", "50esg", "51dsc", "52akpc", "53ajtf", "54asw", "55hzk",
	"56aceb", "57abag", "58lcf", "59ejz", "60qvc", "61atw", "62svk", "63jb",
}
