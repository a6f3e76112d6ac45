value = this["seed"]
odd = 0
for step in range(250):
    value = (value * 31 + step) % 1000003
    if value & 1:
        odd += 1
root = {"id": this["id"], "value": value, "odd": odd}
