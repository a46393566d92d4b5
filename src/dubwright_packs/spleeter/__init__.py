"""The official weights of Spleeter, for the engines that read them. There is no backend here."""
